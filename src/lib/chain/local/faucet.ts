import type {Places} from '../../config/places.ts';
import type {NetworkProfile} from '../../config/profile.ts';
import {loadMoneyAddresses} from '../deploy/deployments.ts';
import {execute} from '../execute.ts';
import {quivTokenAbi} from '../gen/quiv-token.ts';
import {TransactionJournal} from '../journal.ts';
import {openChain} from '../open-chain.ts';
import type {TransactionStep} from '../plan.ts';
import type {LocalAccount} from './accounts.ts';
import {deployerSigner} from './set-up.ts';

export interface FaucetOptions {
  profile: NetworkProfile;
  places: Places;
  url: string;
  accounts: readonly LocalAccount[];
  address: string;
  /** Base units, here and below; 0 for none. */
  pol: bigint;
  quiv: bigint;
  signal: AbortSignal;
}

export interface FaucetReply {
  address: string;
  /** What it has now. */
  pol: bigint;
  quiv: bigint;
  transactions: string[];
}

/** Gives an account POL and QUIV of the local chain's deployer. Throws CONTRACTS_MISSING when QUIV is asked for. */
export async function giveFunds(options: FaucetOptions): Promise<FaucetReply> {
  const {profile, places, url, accounts, address, pol, quiv, signal} = options;
  const chain = await openChain(profile, {rpcUrls: [url], signal});
  const signer = deployerSigner(accounts);
  const steps: TransactionStep[] = [];
  if (pol > 0n) steps.push({what: 'Give POL', to: address, data: '0x', value: pol});
  const known = await loadMoneyAddresses(places, profile.name, chain).catch((error: unknown) => {
    if (quiv > 0n) throw error;
    return undefined;
  });
  const token = known === undefined ? undefined : chain.contract(quivTokenAbi, known.token);
  if (quiv > 0n && token !== undefined) {
    steps.push({what: 'Give QUIV', to: token.address, data: token.encode('transfer', [address, quiv]), quiv});
  }
  using journal = new TransactionJournal(':memory:');
  const plan = {kind: 'faucet', key: address, title: `Fund ${address}`, from: signer.address, steps};
  const result = await execute(plan, {chain, journal, signer, signal});
  return {
    address,
    pol: await chain.balance(address),
    quiv: (await token?.read('balanceOf', [address])) ?? 0n,
    transactions: result.steps.flatMap(({hash}) => (hash === undefined ? [] : [hash])),
  };
}
