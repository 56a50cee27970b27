// Reports on a real EVM: carried out, disputed and found wrong, lapsed.
import {beforeAll, describe, expect, it} from 'vitest';

import {
  disputePlan,
  executePlan,
  listReports,
  reportPlan,
  type SlashReport,
} from '../../../src/lib/settlement/staking/slashing.ts';
import {stakePlan, unstakePlan, withdrawPlan} from '../../../src/lib/settlement/staking/plans.ts';
import {stakeStatus} from '../../../src/lib/settlement/staking/status.ts';
import {whereIsTheMoney} from '../../../src/lib/settlement/where.ts';
import {startMoney, type TestMoney} from '../../support/money.ts';

const QUIV = 10n ** 18n;
const DAY_S = 86_400;
const digest = (digit: string): string => `0x${digit.repeat(64)}`;

describe('a report', () => {
  let test: TestMoney;
  let ann: string;
  let bob: string;
  const report = (...digests: string[]) =>
    test.run('bob', reportPlan(test.money, {from: bob, account: ann, violation: 'canary', digests}));
  const reports = () => listReports(test.money, {account: ann});
  const newest = async (): Promise<SlashReport> => (await reports()).at(-1)!;
  const balance = (account: string) => test.money.token.read('balanceOf', [account]);
  const placeOf = async (account: string, place: string) =>
    (await whereIsTheMoney(test.money, test.store, account)).places.find((each) => each.place === place);

  beforeAll(async () => {
    test = await startMoney();
    ann = test.address('ann');
    bob = test.address('bob');
    await test.run('ann', stakePlan(test.money, {from: ann, amount: 20_000n * QUIV, isProvider: true}));
  });

  it('needs digests, a bond and somebody with a stake', async () => {
    const request = {from: bob, account: ann, violation: 'canary' as const};
    await expect(reportPlan(test.money, {...request, digests: ['0x12']})).rejects.toMatchObject({code: 'DIGEST_WRONG'});
    await expect(reportPlan(test.money, {...request, digests: []})).rejects.toMatchObject({code: 'DIGEST_WRONG'});
    const self = reportPlan(test.money, {...request, account: bob, digests: [digest('1')]});
    await expect(test.run('bob', self)).rejects.toMatchObject({code: 'REVERTED'});
  });

  it('takes a bond, and holds what the accused unbonds', async () => {
    await report(digest('2'), digest('1'));
    expect(await reports()).toMatchObject([
      {account: ann, reporter: bob, status: 'open', violation: 'canary', penalty: 200n * QUIV},
    ]);
    expect(await placeOf(bob, 'report bonds')).toMatchObject({amount: 100n * QUIV});
    expect(await stakeStatus(test.money, ann)).toMatchObject({openReports: 1n});
    await expect(report(digest('1'))).rejects.toMatchObject({code: 'REVERTED'});
  });

  it('cannot be carried out while it can be disputed', async () => {
    const {evidence} = await newest();
    await expect(executePlan(test.money, evidence.slice(0, 10))).rejects.toMatchObject({code: 'DISPUTE_WINDOW_OPEN'});
    await expect(disputePlan(test.money, {from: bob, evidence})).rejects.toMatchObject({code: 'REPORT_UNKNOWN'});
    await expect(executePlan(test.money, '0x12')).rejects.toMatchObject({code: 'REPORT_UNKNOWN'});
  });

  it('is carried out by anybody after three days: half to the reporter, half burned', async () => {
    await test.advance(3 * DAY_S);
    const {evidence} = await newest();
    await expect(disputePlan(test.money, {from: ann, evidence})).rejects.toMatchObject({code: 'DISPUTE_TOO_LATE'});
    const [bobBefore, supply] = [await balance(bob), await test.money.token.read('totalSupply', [])];
    await test.run('carl', executePlan(test.money, evidence));
    expect((await balance(bob)) - bobBefore).toBe(200n * QUIV);
    expect(supply - (await test.money.token.read('totalSupply', []))).toBe(100n * QUIV);
    expect((await stakeStatus(test.money, ann)).staked).toBe(19_800n * QUIV);
    expect(await newest()).toMatchObject({status: 'executed', bonded: false});
    await expect(executePlan(test.money, evidence)).rejects.toMatchObject({code: 'REPORT_NOT_OPEN'});
  });

  it('goes to the arbiter when it is disputed; found wrong, its bond is the accused’s', async () => {
    await report(digest('3'));
    const {evidence} = await newest();
    await test.run('ann', disputePlan(test.money, {from: ann, evidence}));
    expect(await newest()).toMatchObject({status: 'disputed'});
    await test.advance(3 * DAY_S);
    await expect(executePlan(test.money, evidence)).rejects.toMatchObject({code: 'REPORT_NOT_OPEN'});
    const before = await balance(ann);
    await test.resolve(ann, evidence, false);
    expect((await balance(ann)) - before).toBe(100n * QUIV);
    expect(await newest()).toMatchObject({status: 'cancelled'});
  });

  it('holds the unbonding until it lapses, and then gives its bond back', async () => {
    await test.run('ann', unstakePlan(test.money, {from: ann, amount: 5_000n * QUIV}));
    await test.advance(10 * DAY_S);
    await report(digest('4'));
    const {evidence} = await newest();
    await test.advance(5 * DAY_S);
    expect(await placeOf(ann, 'on hold')).toMatchObject({amount: 5_000n * QUIV, next: 'quiver slash list'});
    await expect(withdrawPlan(test.money, ann)).rejects.toMatchObject({code: 'WITHDRAW_ON_HOLD'});
    await test.advance(5 * DAY_S);
    expect(await newest()).toMatchObject({status: 'lapsed', bonded: true});
    expect(await placeOf(ann, 'claimable')).toMatchObject({amount: 5_000n * QUIV});
    const before = await balance(bob);
    await test.run('carl', executePlan(test.money, evidence));
    expect((await balance(bob)) - before).toBe(100n * QUIV);
    expect(await newest()).toMatchObject({status: 'lapsed', bonded: false});
    await test.run('ann', withdrawPlan(test.money, ann));
  });
});
