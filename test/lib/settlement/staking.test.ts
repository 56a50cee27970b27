// Staking on a real EVM, each case a state that the one before leads to.
import {beforeAll, describe, expect, it} from 'vitest';

import {claimPlan, compoundPlan} from '../../../src/lib/settlement/staking/rewards.ts';
import {stakePlan, unstakePlan, withdrawPlan} from '../../../src/lib/settlement/staking/plans.ts';
import {stakeStatus} from '../../../src/lib/settlement/staking/status.ts';
import {startMoney, type TestMoney} from '../../support/money.ts';

const QUIV = 10n ** 18n;
const DAY_S = 86_400;

describe('a staker', () => {
  let test: TestMoney;
  let ann: string;
  const status = () => stakeStatus(test.money, ann);
  const balance = () => test.money.token.read('balanceOf', [ann]);
  const stake = (amount: bigint, isProvider?: boolean) =>
    test.run('ann', stakePlan(test.money, {from: ann, amount, isProvider}));

  beforeAll(async () => {
    test = await startMoney();
    ann = test.address('ann');
  });

  it('has nothing at first, and is told why nothing can be done', async () => {
    expect(await status()).toMatchObject({tier: 'none', staked: 0n, next: {tier: 'Bronze', missing: 1_000n * QUIV}});
    await expect(unstakePlan(test.money, {from: ann, amount: 'all'})).rejects.toMatchObject({code: 'NOTHING_STAKED'});
    await expect(withdrawPlan(test.money, ann)).rejects.toMatchObject({code: 'NOTHING_TO_WITHDRAW'});
    await expect(claimPlan(test.money, ann)).rejects.toMatchObject({code: 'NO_REWARDS'});
    await expect(compoundPlan(test.money, {from: ann})).rejects.toMatchObject({code: 'NO_REWARDS'});
  });

  it('cannot stake too little or more than there is', async () => {
    const request = (amount: bigint) => stakePlan(test.money, {from: ann, amount});
    await expect(request(999n * QUIV)).rejects.toMatchObject({code: 'STAKE_TOO_SMALL', fix: 'quiver stake 1000'});
    await expect(request(0n)).rejects.toMatchObject({code: 'STAKE_TOO_SMALL'});
    await expect(request(10_000_000n * QUIV)).rejects.toMatchObject({
      code: 'INSUFFICIENT_QUIV',
      fix: `quiver chain faucet ${ann}`,
    });
  });

  it('allows and stakes', async () => {
    const before = await balance();
    const {steps} = await stake(1_000n * QUIV);
    expect(steps.map(({what, status: state}) => [what, state])).toEqual([
      ['Allow staking to take 1000 QUIV', 'mined'],
      ['Stake 1000 QUIV', 'mined'],
    ]);
    expect(await status()).toMatchObject({tier: 'Bronze', staked: 1_000n * QUIV, isProvider: false});
    expect(before - (await balance())).toBe(1_000n * QUIV);
  });

  it('reaches a higher tier as a provider, and stays one without saying so again', async () => {
    await stake(9_000n * QUIV, true);
    expect(await status()).toMatchObject({tier: 'Silver', isProvider: true});
    await stake(1n);
    expect(await status()).toMatchObject({isProvider: true, staked: 10_000n * QUIV + 1n});
  });

  it('earns by the second and claims', async () => {
    await test.advance(DAY_S);
    const {pendingRewards, rewardsPerDay} = await status();
    // Alone, the account has all that is released; the estimate is for the next day, of a reserve that falls.
    expect(pendingRewards).toBeGreaterThan((rewardsPerDay * 98n) / 100n);
    const before = await balance();
    await test.run('ann', claimPlan(test.money, ann));
    expect((await balance()) - before).toBeGreaterThanOrEqual(pendingRewards);
    expect((await status()).pendingRewards).toBeLessThan(QUIV);
  });

  it('compounds, now and by itself', async () => {
    await test.advance(DAY_S);
    const {staked, pendingRewards} = await status();
    const tooMuch = pendingRewards * 2n;
    expect(await compoundPlan(test.money, {from: ann, min: tooMuch})).toBeUndefined();
    const plan = await compoundPlan(test.money, {from: ann, auto: true});
    expect(plan?.steps).toHaveLength(2);
    await test.run('ann', plan!);
    expect((await status()).autoCompound).toBe(true);
    expect((await status()).staked - staked).toBeGreaterThanOrEqual(pendingRewards);
    expect(await compoundPlan(test.money, {from: ann, auto: true, min: tooMuch})).toBeUndefined();
    await test.run('ann', (await compoundPlan(test.money, {from: ann, auto: false}))!);
    expect((await status()).autoCompound).toBe(false);
  });

  it('unstakes a part, waits fourteen days and withdraws', async () => {
    const {staked} = await status();
    await expect(unstakePlan(test.money, {from: ann, amount: staked + 1n})).rejects.toMatchObject({
      code: 'UNSTAKE_TOO_MUCH',
    });
    await test.run('ann', unstakePlan(test.money, {from: ann, amount: 5_000n * QUIV}));
    const after = await status();
    expect(after).toMatchObject({tier: 'Bronze', unbonding: 5_000n * QUIV, onHold: false});
    expect(Number(after.withdrawableAt - after.now)).toBe(14 * DAY_S);
    await expect(withdrawPlan(test.money, ann)).rejects.toMatchObject({
      code: 'STILL_UNBONDING',
      fix: expect.stringContaining('quiver chain advance 14d') as string,
    });
    await test.advance(14 * DAY_S);
    const before = await balance();
    await test.run('ann', withdrawPlan(test.money, ann));
    expect((await balance()) - before).toBe(5_000n * QUIV);
    expect((await status()).unbonding).toBe(0n);
  });

  it('leaves with everything', async () => {
    await test.run('ann', unstakePlan(test.money, {from: ann, amount: 'all'}));
    expect(await status()).toMatchObject({tier: 'none', staked: 0n});
    await test.run('ann', claimPlan(test.money, ann));
    await test.advance(14 * DAY_S);
    await test.run('ann', withdrawPlan(test.money, ann));
    expect(await status()).toMatchObject({staked: 0n, unbonding: 0n, pendingRewards: 0n});
  });
});
