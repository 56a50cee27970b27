// "Where is my money?": whatever people do, the places of all of them add up to what the chain says there is.
import * as fc from 'fast-check';
import {beforeAll, expect, it} from 'vitest';

import {QuiverError} from '../../../src/lib/core/errors.ts';
import {findChannel} from '../../../src/lib/settlement/channels/list.ts';
import {closePlan, openPlan, pay, redeemPlan, topUpPlan} from '../../../src/lib/settlement/channels/plans.ts';
import {redeemable} from '../../../src/lib/settlement/channels/redeemable.ts';
import type {Draft} from '../../../src/lib/settlement/contracts.ts';
import {sendPlan} from '../../../src/lib/settlement/funds.ts';
import {stakePlan, unstakePlan, withdrawPlan} from '../../../src/lib/settlement/staking/plans.ts';
import {claimPlan, compoundPlan} from '../../../src/lib/settlement/staking/rewards.ts';
import {executePlan, listReports, reportPlan} from '../../../src/lib/settlement/staking/slashing.ts';
import {whereIsTheMoney} from '../../../src/lib/settlement/where.ts';
import {startMoney, type Name, type TestMoney} from '../../support/money.ts';

const QUIV = 10n ** 18n;
const DAY_S = 86_400;
const PEOPLE = ['ann', 'bob', 'carl'] as const;
/** Rewards are rounded down, for each person and each change of the index by less than a base unit of their weight. */
const DUST = 10_000n;

let test: TestMoney;
const {signal} = new AbortController();

beforeAll(async () => {
  test = await startMoney();
});

interface Action {
  who: (typeof PEOPLE)[number];
  other: (typeof PEOPLE)[number];
  amount: bigint;
  what: string;
}

type Doing = (action: Action & {from: string; to: string}) => Promise<Draft | undefined>;
const channelOf = (from: string, to: string) => findChannel(test.money, test.store, from, to);

const ACTIONS = new Map<string, Doing>([
  ['stake', ({from, amount}) => stakePlan(test.money, {from, amount: amount + 500n * QUIV})],
  ['unstake', ({from, amount}) => unstakePlan(test.money, {from, amount})],
  ['withdraw', ({from}) => withdrawPlan(test.money, from)],
  ['claim', ({from}) => claimPlan(test.money, from)],
  ['compound', ({from}) => compoundPlan(test.money, {from})],
  [
    'report',
    ({from, to, amount}) => {
      const digests = [`0x${amount.toString(16).padStart(64, '0')}`];
      return reportPlan(test.money, {from, account: to, violation: 'canary', digests});
    },
  ],
  [
    'execute',
    async () => {
      const report = (await listReports(test.money, {})).find(({bonded}) => bonded);
      return report === undefined ? undefined : executePlan(test.money, report.evidence);
    },
  ],
  ['send', ({from, to, amount}) => sendPlan(test.money, {from, to, amount, asset: 'quiv'})],
  ['open', ({from, to, amount}) => openPlan(test.money, {from, provider: to, amount})],
  ['topup', async ({from, to, amount}) => topUpPlan(test.money, await channelOf(from, to), {from, amount})],
  [
    'pay',
    async ({who, from, to, amount}) => {
      const channel = await channelOf(from, to);
      await pay(test.money, test.store, channel, {amount: amount / 50n + 1n, signer: test.signer(who), signal});
      return undefined;
    },
  ],
  ['redeem', async ({from}) => redeemPlan(test.money, await redeemable(test.money, test.store, from, undefined))],
  ['close', async ({from, to}) => closePlan(test.money, await channelOf(from, to))],
  [
    'wait',
    async ({amount}) => {
      await test.advance(Number(amount % BigInt(16 * DAY_S)));
      return undefined;
    },
  ],
]);

/** Some only work after others, so that they are tried more often. */
const FAVOURITES = ['stake', 'unstake', 'withdraw', 'open', 'pay', 'pay', 'redeem', 'redeem', 'close', 'close', 'wait'];

const action: fc.Arbitrary<Action> = fc
  .record({
    who: fc.constantFrom(...PEOPLE),
    other: fc.constantFrom(...PEOPLE),
    amount: fc.bigInt({min: 1n, max: 3_000n * QUIV}),
    what: fc.constantFrom(...ACTIONS.keys(), ...FAVOURITES),
  })
  .filter(({who, other}) => who !== other);

/** What a person may not do just now is no fault; everything else is. */
async function act(each: Action): Promise<boolean> {
  try {
    const [from, to] = [test.address(each.who), test.address(each.other)];
    const draft = await ACTIONS.get(each.what)?.({...each, from, to});
    if (draft !== undefined) await test.run(each.who, draft);
    return true;
  } catch (error) {
    if (error instanceof QuiverError) return false;
    throw error;
  }
}

async function sumOfAll(): Promise<{
  total: bigint;
  promised: bigint;
  receivable: bigint;
  staked: bigint;
  channels: bigint;
}> {
  const names: Name[] = ['deployer', 'arbiter', 'ann', 'bob', 'carl', 'dora'];
  const all = await Promise.all(names.map((name) => whereIsTheMoney(test.money, test.store, test.address(name))));
  const sum = (of: (one: (typeof all)[number]) => bigint): bigint => all.reduce((total, one) => total + of(one), 0n);
  const at = (...places: string[]) =>
    sum((one) => one.places.reduce((total, {place, amount}) => (places.includes(place) ? total + amount : total), 0n));
  return {
    total: sum(({total}) => total),
    promised: sum(({promised}) => promised),
    receivable: sum(({receivable}) => receivable),
    staked: at('staked'),
    channels: at('channels'),
  };
}

it('adds up, whatever happens', {timeout: 60_000}, async () => {
  const done = new Set<string>();
  await fc.assert(
    fc.asyncProperty(fc.array(action, {minLength: 8, maxLength: 20}), async (actions) => {
      for (const each of actions) if (await act(each)) done.add(each.what);
      const {token, staking, channels} = test.money;
      // Nothing must move between the reads: rewards grow with every second of the chain's clock.
      const all = await sumOfAll();
      const [supply, pool, inStaking, inChannels] = await Promise.all([
        token.read('totalSupply', []),
        staking.read('poolInfo', []),
        token.read('balanceOf', [staking.address]),
        token.read('balanceOf', [channels.address]),
      ]);
      expect(all.staked).toBe(pool.totalStaked);
      expect(all.channels).toBe(inChannels);
      expect(all.promised).toBe(all.receivable);
      const elsewhere = supply - all.total - pool.reserve;
      expect(elsewhere).toBeGreaterThanOrEqual(-RATE_SLACK);
      expect(elsewhere).toBeLessThan(DUST + RATE_SLACK);
      expect(inStaking).toBeGreaterThanOrEqual(pool.totalStaked + pool.reserve);
    }),
    {numRuns: 30},
  );
  // Else nothing much was looked at.
  expect(done.size).toBeGreaterThanOrEqual(ACTIONS.size - 3);
});

/** The reads of one look may be seconds of the chain's clock apart; so much is released in the meantime. */
const RATE_SLACK = (10n * 1_000_000n * QUIV) / BigInt(300 * DAY_S);
