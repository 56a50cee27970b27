import {EXIT, QuiverError} from '../core/errors.ts';
import {amountFromText, amountToText} from '../core/units.ts';
import type {MoneyContracts} from '../settlement/contracts.ts';
import {amountArgument} from './amounts.ts';
import {tierLines} from './money-text.ts';
import {ask} from './prompt.ts';

/** Asks how much to stake, showing what there is and what it would reach; off a terminal, names the argument. */
export async function askStake(
  interactive: boolean,
  open: () => Promise<[MoneyContracts, {address: string}]>,
  note: (text: string) => void,
): Promise<bigint> {
  if (!interactive) {
    throw new QuiverError({
      code: 'MISSING_ARGUMENT',
      message: 'Without a terminal the argument AMOUNT is needed',
      fix: 'quiver stake 1000',
      exit: EXIT.usage,
    });
  }
  const {stakeStatus, tierAfter} = await import('../settlement/staking/status.ts');
  const [money, {address}] = await open();
  const [balance, status] = await Promise.all([money.token.read('balanceOf', [address]), stakeStatus(money, address)]);
  note(
    `You have ${amountToText(balance)} QUIV at hand and ${amountToText(status.staked)} QUIV staked (${status.tier}).`,
  );
  note(tierLines(status.tiers));
  const answer = await ask({
    flag: 'amount',
    message: 'How much QUIV to stake?',
    check(text) {
      const amount = amountFromText(text.trim());
      if (amount === undefined || amount === 0n) return 'Write an amount such as 1000 or 12.5';
      if (amount > balance) return `You have ${amountToText(balance)} QUIV`;
      return tierAfter(status, amount) === 'none' ? 'That reaches no tier: stake more' : true;
    },
  });
  return amountArgument(answer.trim());
}
