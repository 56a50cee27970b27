import type {NetworkProfile} from '../../config/profile.ts';
import {parseAmount} from '../../core/units.ts';
import {keySigner, type Signer} from '../../identity/signer.ts';
import type {Chain} from '../chain.ts';
import {contractSet, DEFAULT_SETTINGS, type ContractSet, type DeploySettings} from '../deploy/contract-set.ts';
import {contractOf, deploymentsAfter, deployPlan} from '../deploy/deploy.ts';
import type {Deployments} from '../deploy/deployments.ts';
import {execute} from '../execute.ts';
import {quivTokenAbi} from '../gen/quiv-token.ts';
import {quiverStakingAbi} from '../gen/quiver-staking.ts';
import {TransactionJournal} from '../journal.ts';
import {openChain} from '../open-chain.ts';
import type {TransactionStep} from '../plan.ts';
import type {LocalAccount} from './accounts.ts';

/** What each account but the deployer gets: enough for the highest tier. */
const FUNDS = parseAmount('1000000');
/** So that there is something to earn at once. */
const REWARDS = parseAmount('10000000');
const REWARD_SECONDS = 365 * 24 * 60 * 60;
/** The least that the contract takes: nobody waits a day to try a claim. */
const LOCAL_ACTIVATION_DELAY_SECONDS = 60;

const SECONDS_OF_WAITING_FOR_NOBODY = {pollMs: 2};

/** On a local chain its first account governs everything. */
export function localDeploySettings(accounts: readonly LocalAccount[]): DeploySettings {
  const {address} = deployerOf(accounts);
  return {
    deployer: address,
    holder: address,
    multisig: address,
    guardian: address,
    arbiter: address,
    minimumBond: DEFAULT_SETTINGS.minimumBond,
    activationDelaySeconds: LOCAL_ACTIVATION_DELAY_SECONDS,
  };
}

/** The contracts of a local chain: their addresses are known before it runs. */
export function localContracts(accounts: readonly LocalAccount[]): Promise<ContractSet> {
  return contractSet(localDeploySettings(accounts));
}

export interface LocalSetUp {
  profile: NetworkProfile;
  url: string;
  accounts: readonly LocalAccount[];
  before: Deployments | undefined;
  signal: AbortSignal;
}

/** Deploys the contracts to a local chain, gives every account QUIV and fills the reserve of rewards; all of it once. */
export async function setUpLocal({profile, url, accounts, before, signal}: LocalSetUp): Promise<Deployments> {
  const chain = await openChain(profile, {rpcUrls: [url], signal});
  const set = await localContracts(accounts);
  // The chain itself says what is done: nothing to remember here.
  using journal = new TransactionJournal(':memory:');
  const signer = deployerSigner(accounts);
  const options = {chain, journal, signer, signal, timing: SECONDS_OF_WAITING_FOR_NOBODY};
  const {plan} = await deployPlan(chain, set);
  const result = plan.steps.length === 0 ? undefined : await execute(plan, options);
  const steps = await fundingSteps(chain, set, accounts);
  if (steps.length > 0) {
    await execute({kind: 'fund', key: 'local', title: 'Fund the accounts', from: signer.address, steps}, options);
  }
  return await deploymentsAfter(chain, set, before, result);
}

export function deployerSigner(accounts: readonly LocalAccount[]): Signer {
  return keySigner(deployerOf(accounts).secret);
}

async function fundingSteps(
  chain: Chain,
  set: ContractSet,
  accounts: readonly LocalAccount[],
): Promise<TransactionStep[]> {
  const token = chain.contract(quivTokenAbi, contractOf(set, 'QUIVToken').address);
  const staking = chain.contract(quiverStakingAbi, contractOf(set, 'QUIVerStaking').address);
  const [reserve, ...balances] = await Promise.all([
    token.read('balanceOf', [staking.address]),
    ...accounts.map(({address}) => token.read('balanceOf', [address])),
  ]);
  const deployer = deployerOf(accounts);
  const steps: TransactionStep[] = accounts
    .filter(({name}, index) => name !== deployer.name && balances[index] === 0n)
    .map(({name, address}) => ({
      what: `Fund ${name}`,
      to: token.address,
      data: token.encode('transfer', [address, FUNDS]),
    }));
  if (reserve > 0n) return steps;
  return [
    ...steps,
    {what: 'Approve', to: token.address, data: token.encode('approve', [staking.address, REWARDS])},
    {what: 'Fund rewards', to: staking.address, data: staking.encode('fundRewards', [REWARDS, REWARD_SECONDS])},
  ];
}

function deployerOf(accounts: readonly LocalAccount[]): LocalAccount {
  const [first] = accounts;
  if (first === undefined) throw new TypeError('a local chain has accounts');
  return first;
}
