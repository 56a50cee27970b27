import {id, MaxUint256, toBeHex, Wallet, type Contract, type TransactionResponse} from 'ethers';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';

import {deploy, startChain} from './chain.ts';

const SNAPSHOT = new URL('../../contracts/snapshots/staking-transactions.json', import.meta.url).pathname;
/** Where a copy of the implementation lies, to be called without a proxy. */
const DIRECT = '0x00000000000000000000000000000000000d13ec';
const QUIV = 10n ** 18n;
const HOUR_S = 3_600;
const DAY_S = 24 * HOUR_S;
const START_S = 4_000_000_000;
const CANARY_FAILURES = 0;
const EQUIVOCATION = 1;
const gas: Record<string, number> = {};

type Chain = Awaited<ReturnType<typeof startChain>>;
let chain: Chain;
let token: Contract;
let roles: Contract;
let staking: Contract;
let now = START_S;

/** Fixed keys, so that equal code costs equal gas: addresses are paid by the byte. */
const named = (name: string): Wallet => new Wallet(id(name), chain.provider);
const by = (wallet: Wallet, contract = staking): Contract => contract.connect(wallet) as Contract;
const digests = (first: number, count: number) => Array.from({length: count}, (_, i) => toBeHex(first + i, 32));
const wait = (seconds: number): void => void (now += seconds);

/** The time of each block is given, so that each call accrues. */
async function run(send: () => Promise<TransactionResponse>): Promise<number> {
  await chain.provider.send('evm_setNextBlockTimestamp', [(now += 60)]);
  const receipt = await (await send()).wait();
  return Number(receipt?.gasUsed ?? 0n);
}

async function measured(name: string, send: () => Promise<TransactionResponse>): Promise<void> {
  gas[name] = await run(send);
}

/** Estimates are made for the block before, in which nothing accrues. */
const LIMIT = {gasLimit: 2_000_000};

async function funded(name: string, to: string): Promise<Wallet> {
  const wallet = named(name);
  await chain.provider.send('hardhat_setBalance', [wallet.address, '0x56bc75e2d63100000']);
  await run(() => token['transfer']!(wallet.address, 1_000_000n * QUIV));
  await run(() => by(wallet, token)['approve']!(to, MaxUint256));
  return wallet;
}

beforeAll(async () => {
  chain = await startChain();
  const [deployer] = chain.accounts;
  const owner = await deployer!.getAddress();
  token = await deploy('QUIVToken', deployer!, owner);
  roles = await deploy('QUIVerRoles', deployer!, owner, owner, owner, named('arbiter').address);
  const implementation = await deploy('QUIVerStaking', deployer!, await token.getAddress());
  const manager = await roles['manager']!();
  const call = implementation.interface.encodeFunctionData('initialize', [manager]);
  const proxy = await deploy('ERC1967Proxy', deployer!, await implementation.getAddress(), call);
  for (const [name, contract] of Object.entries({
    QUIVToken: token,
    QUIVerRoles: roles,
    QUIVerStaking: implementation,
  })) {
    gas[`deploy ${name}`] = Number((await contract.deploymentTransaction()?.wait())?.gasUsed ?? 0n);
  }
  gas['deploy ERC1967Proxy'] = Number((await proxy.deploymentTransaction()?.wait())?.gasUsed ?? 0n);

  const code = await chain.provider.getCode(await implementation.getAddress());
  await chain.provider.send('hardhat_setCode', [DIRECT, code]);
  staking = implementation.attach(DIRECT) as Contract;
  await run(() => staking['initialize']!(manager, LIMIT));
  const {selector} = staking.interface.getFunction('resolveSlash')!;
  await run(() => roles['wire']!([{target: DIRECT, role: 2, selectors: [selector]}], LIMIT));

  // The difference that the proxy makes, on a call that touches next to nothing.
  const direct = await run(() => staking['setAutoCompound']!(true, LIMIT));
  const behind = implementation.attach(await proxy.getAddress()) as Contract;
  gas['on top behind the proxy'] = (await run(() => behind['setAutoCompound']!(true, LIMIT))) - direct;
});
afterAll(() => chain.stop());

describe('gas of whole transactions without the proxy, production build, by the rules of Prague', () => {
  it('of stakes and rewards', async () => {
    const [alice, bob, other, keeper] = ['alice', 'bob', 'other', 'keeper'].map(named);
    for (const name of ['alice', 'bob', 'other', 'keeper']) await funded(name, DIRECT);
    const owner = chain.accounts[0]!;
    await run(() => token['approve']!(DIRECT, MaxUint256));
    const mine = staking.connect(owner) as Contract;
    await measured('fundRewards first', () => mine['fundRewards']!(1_000_000n * QUIV, 365 * DAY_S, LIMIT));
    await run(() => by(other!)['stake']!(5_000n * QUIV, false, LIMIT));
    await run(() => by(keeper!)['stake']!(5_000n * QUIV, false, LIMIT));
    await measured('fundRewards', () => mine['fundRewards']!(1_000_000n * QUIV, 365 * DAY_S, LIMIT));

    await measured('stake first', () => by(alice!)['stake']!(1_000n * QUIV, false, LIMIT));
    await measured('stake add first', () => by(alice!)['stake']!(1_000n * QUIV, false, LIMIT));
    await measured('stake add', () => by(alice!)['stake']!(1_000n * QUIV, false, LIMIT));
    await run(() => by(alice!)['claimRewards']!(LIMIT));
    wait(DAY_S);
    await measured('claimRewards', () => by(alice!)['claimRewards']!(LIMIT));
    await measured('setAutoCompound', () => by(alice!)['setAutoCompound']!(true, LIMIT));
    await measured('compoundFor, first fee of the keeper', () => by(keeper!)['compoundFor']!(alice!.address, LIMIT));
    wait(DAY_S);
    await measured('compoundFor', () => by(keeper!)['compoundFor']!(alice!.address, LIMIT));
    await measured('compoundFor oneself', () => by(alice!)['compoundFor']!(alice!.address, LIMIT));

    await run(() => by(bob!)['stake']!(20_000n * QUIV, true, LIMIT));
    await measured('requestUnstake first', () => by(bob!)['requestUnstake']!(500n * QUIV, LIMIT));
    await measured('requestUnstake', () => by(bob!)['requestUnstake']!(500n * QUIV, LIMIT));
    wait(15 * DAY_S);
    await measured('withdraw', () => by(bob!)['withdraw']!(LIMIT));
    await run(() => by(bob!)['claimRewards']!(LIMIT));
    await run(() => by(other!)['requestUnstake']!(5_000n * QUIV, LIMIT));
    await run(() => by(other!)['claimRewards']!(LIMIT));
    wait(15 * DAY_S);
    await measured('withdraw the last', () => by(other!)['withdraw']!(LIMIT));
  });

  it('of slashing', async () => {
    const [alice, bob, keeper, arbiter] = ['alice', 'bob', 'keeper', 'arbiter'].map(named);
    const reporter = await funded('reporter', DIRECT);
    await chain.provider.send('hardhat_setBalance', [arbiter!.address, '0x56bc75e2d63100000']);
    await run(() => by(alice!)['stake']!(1_000n * QUIV, false, LIMIT));
    await run(() => by(bob!)['stake']!(1_000n * QUIV, false, LIMIT));
    const propose = (name: string, account: string, violation: number, list: string[]) =>
      measured(name, () => by(reporter)['proposeSlash']!(account, violation, list, LIMIT));
    await propose('proposeSlash, two records', bob!.address, EQUIVOCATION, digests(1, 2));
    await propose('proposeSlash, one failure', alice!.address, CANARY_FAILURES, digests(1, 1));
    await propose('proposeSlash, ten failures', alice!.address, CANARY_FAILURES, digests(2, 10));
    const idOf = (account: Wallet, violation: number, list: string[]) =>
      staking['evidenceIdOf']!(account.address, violation, list);
    const [pair, one, ten] = await Promise.all([
      idOf(bob!, EQUIVOCATION, digests(1, 2)),
      idOf(alice!, CANARY_FAILURES, digests(1, 1)),
      idOf(alice!, CANARY_FAILURES, digests(2, 10)),
    ]);
    await measured('disputeSlash', () => by(alice!)['disputeSlash']!(ten, LIMIT));
    await measured('resolveSlash, cancelled', () => by(arbiter!)['resolveSlash']!(alice!.address, ten, false, LIMIT));
    wait(3 * DAY_S);
    await run(() => by(alice!)['stake']!(1_000n * QUIV, false, LIMIT));
    await measured('executeSlash first in the epoch', () => by(keeper!)['executeSlash']!(alice!.address, one, LIMIT));
    await run(() => by(keeper!)['executeSlash']!(bob!.address, pair, LIMIT));
    await run(() => by(reporter)['proposeSlash']!(alice!.address, CANARY_FAILURES, digests(20, 1), LIMIT));
    await run(() => by(reporter)['proposeSlash']!(alice!.address, CANARY_FAILURES, digests(21, 1), LIMIT));
    const again = await Promise.all([20, 21].map((digest) => idOf(alice!, CANARY_FAILURES, digests(digest, 1))));
    wait(3 * DAY_S);
    await run(() => by(keeper!)['executeSlash']!(alice!.address, again[0], LIMIT));
    await measured('executeSlash', () => by(keeper!)['executeSlash']!(alice!.address, again[1], LIMIT));
  });
});

it('is what it was', async () => {
  await expect(`${JSON.stringify(gas, null, 2)}\n`).toMatchFileSnapshot(SNAPSHOT);
});
