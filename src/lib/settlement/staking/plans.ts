import {amountToText, dateToText} from '../../core/units.ts';
import {chainTime, type Draft, type MoneyContracts} from '../contracts.ts';
import {notNow, wrongValue} from '../errors.ts';
import {approvalSteps, requireQuiv} from '../funds.ts';
import {readTiers} from './tiers.ts';

/** For the cost of a step that can't be simulated before the approval ahead of it; behind the proxy, first stake. */
const STAKE_GAS = 150_000n;

export interface StakeRequest {
  from: string;
  /** Base units. */
  amount: bigint;
  /** Undefined leaves it as it is. */
  isProvider?: boolean | undefined;
}

/** Allows and stakes. Throws `INSUFFICIENT_QUIV`, `STAKE_TOO_SMALL`. */
export async function stakePlan(money: MoneyContracts, request: StakeRequest): Promise<Draft> {
  const {from, amount} = request;
  const {staking} = money;
  const [info, tiers] = await Promise.all([staking.read('accountInfo', [from]), readTiers(money)]);
  const least = tiers[0]?.minimumStake ?? 0n;
  if (amount === 0n || info.staked + amount < least) throw stakeTooSmall(least - info.staked);
  await requireQuiv(money, from, amount);
  const isProvider = request.isProvider ?? info.isProvider;
  const approval = await approvalSteps(money, {owner: from, spender: staking.address, amount, purpose: 'staking'});
  const what = `Stake ${amountToText(amount)} QUIV${isProvider ? ' as a provider' : ''}`;
  const stake = {
    what,
    to: staking.address,
    data: staking.encode('stake', [amount, isProvider]),
    quiv: amount,
    gas: STAKE_GAS,
  };
  return {title: what, steps: [...approval, stake]};
}

/** Begins to unbond. Throws `UNSTAKE_TOO_MUCH`. */
export async function unstakePlan(
  {staking}: MoneyContracts,
  {from, amount}: {from: string; amount: bigint | 'all'},
): Promise<Draft> {
  const {staked, unbonding, unlockAt} = await staking.read('accountInfo', [from]);
  const wanted = amount === 'all' ? staked : amount;
  if (wanted === 0n || wanted > staked) throw unstakeTooMuch(wanted, staked);
  const what = `Unstake ${amountToText(wanted)} QUIV`;
  const again =
    unbonding === 0n
      ? ''
      : `; the ${amountToText(unbonding)} QUIV that unbond until ${dateToText(unlockAt)} start their 14 days anew`;
  const step = {what, to: staking.address, data: staking.encode('requestUnstake', [wanted])};
  return {title: `${what}${again}`, steps: [step]};
}

/** Takes out what has unbonded. Throws `NOTHING_TO_WITHDRAW`, `STILL_UNBONDING`, `WITHDRAW_ON_HOLD`. */
export async function withdrawPlan(money: MoneyContracts, from: string): Promise<Draft> {
  const {staking, chain} = money;
  const [info, now] = await Promise.all([staking.read('accountInfo', [from]), chainTime(money)]);
  const amount = amountToText(info.unbonding);
  if (info.unbonding === 0n) {
    throw notNow('NOTHING_TO_WITHDRAW', 'Nothing is unbonding', 'Begin with: quiver stake unstake AMOUNT');
  }
  if (now < info.unlockAt) {
    const wait = `It is free on ${dateToText(info.unlockAt)}${chain.id === 31_337 ? '; here time can be moved: quiver chain advance 14d' : ''}`;
    throw notNow('STILL_UNBONDING', `${amount} QUIV are still unbonding`, wait);
  }
  if (now < info.withdrawableAt) {
    throw notNow(
      'WITHDRAW_ON_HOLD',
      `${amount} QUIV are on hold until ${dateToText(info.withdrawableAt)}, since a report on this account is open`,
      `quiver slash list ${from}`,
    );
  }
  const what = `Withdraw ${amount} QUIV`;
  const step = {what, to: staking.address, data: staking.encode('withdraw', [])};
  return {title: what, steps: [step]};
}

function stakeTooSmall(least: bigint): Error {
  const atLeast = amountToText(least > 0n ? least : 1n);
  return wrongValue(
    'STAKE_TOO_SMALL',
    `That is too little: the lowest tier needs ${atLeast} QUIV`,
    `quiver stake ${atLeast}`,
  );
}

function unstakeTooMuch(wanted: bigint, staked: bigint): Error {
  if (staked === 0n) return notNow('NOTHING_STAKED', 'Nothing is staked', 'quiver stake 1000');
  const message = wanted === 0n ? 'Nothing to unstake' : `Only ${amountToText(staked)} QUIV are staked`;
  return wrongValue('UNSTAKE_TOO_MUCH', message, `quiver stake unstake ${amountToText(staked)}   (or: all)`);
}
