import {amountToText, dateToText} from '../core/units.ts';
import type {ChannelView} from '../settlement/channels/list.ts';
import type {SlashReport} from '../settlement/staking/slashing.ts';
import type {StakeStatus} from '../settlement/staking/status.ts';
import type {Tier} from '../settlement/staking/tiers.ts';
import type {MoneyOverview} from '../settlement/where.ts';
import {table} from './output.ts';

const quiv = (amount: bigint): string => `${amountToText(amount)} QUIV`;

/** Numbers below one another, so that a sum can be checked by eye. */
function alignAmounts(amounts: readonly bigint[]): string[] {
  const texts = amounts.map((amount) => amountToText(amount));
  const fraction = (text: string): number => (text.includes('.') ? text.length - text.indexOf('.') : 0);
  const places = Math.max(...texts.map(fraction));
  const padded = texts.map((text) => text + ' '.repeat(places - fraction(text)));
  const width = Math.max(...padded.map(({length}) => length));
  return padded.map((text) => text.padStart(width));
}

export function whereLines({address, places, total, promised, receivable, net}: MoneyOverview): string {
  const extra: [string, bigint][] = [];
  if (promised > 0n) extra.push(['promised to providers', -promised]);
  if (receivable > 0n) extra.push(['signed to you in channels', receivable]);
  if (extra.length > 0) extra.push(['in the end', net]);
  const amounts = alignAmounts([...places.map(({amount}) => amount), total, ...extra.map(([, amount]) => amount)]);
  const rows = places.map(({place, until, detail, next}, index) => {
    const about = [detail, until === undefined ? undefined : `until ${dateToText(until)}`].filter(Boolean).join(', ');
    return [place, amounts[index] ?? '', about, next ?? ''];
  });
  rows.push(['total', amounts[places.length] ?? '']);
  for (const [index, [name]] of extra.entries()) rows.push([name, amounts[places.length + 1 + index] ?? '']);
  return `${address}\n${table(['PLACE', 'QUIV', '', 'GET IT WITH'], rows)}`;
}

export function stakeLines(status: StakeStatus): string {
  const {tier, isProvider, staked, unbonding, withdrawableAt, onHold, pendingRewards, autoCompound, next} = status;
  const rows = [
    ['account', status.address],
    ['tier', next === undefined ? tier : `${tier} (${quiv(next.missing)} more reach ${next.tier})`],
    ['staked', `${quiv(staked)}${isProvider ? ', as a provider' : ''}`],
    ['rewards', `${quiv(pendingRewards)}, about ${quiv(roundedDown(status.rewardsPerDay))} a day`],
    ['auto-compound', autoCompound ? 'on' : 'off'],
  ];
  if (unbonding > 0n) {
    const free = status.now >= withdrawableAt ? 'free now' : `until ${dateToText(withdrawableAt)}`;
    rows.push(['unbonding', `${quiv(unbonding)}, ${free}${onHold ? ', on hold for a report' : ''}`]);
  }
  if (status.openReports > 0n) rows.push(['reports', `${status.openReports} open: quiver slash list`]);
  const [first = [], ...rest] = rows;
  return table(first, rest);
}

export function tierLines(tiers: readonly Tier[]): string {
  const rows = tiers.map(({name, minimumStake, weightBps}) => [
    name,
    `from ${quiv(minimumStake)}`,
    `counts ${amountToText(weightBps, 4)} times`,
  ]);
  const [first = [], ...rest] = rows;
  return table(first, rest);
}

export function reportLines(reports: readonly SlashReport[]): string {
  const rows = reports.map(({evidence, account, violation, status, penalty, disputableUntil, lapsesAt}) => [
    evidence.slice(0, 10),
    account,
    violation,
    status,
    `${amountToText(penalty)} QUIV`,
    status === 'open' ? dateToText(disputableUntil) : '',
    status === 'open' || status === 'disputed' ? dateToText(lapsesAt) : '',
  ]);
  return table(['REPORT', 'ACCOUNT', 'VIOLATION', 'STATUS', 'AT MOST', 'DISPUTE UNTIL', 'LAPSES'], rows);
}

export function channelLines(channels: readonly ChannelView[]): string {
  const rows = channels.map(({id, role, payer, provider, deposit, settled, payable, closableAt}) => [
    id.slice(0, 10),
    role === 'provider' ? `from ${payer}` : `to ${provider}`,
    amountToText(deposit),
    amountToText(settled),
    amountToText(payable),
    deposit === 0n ? 'closed' : closableAt === 0n ? 'open' : `closing until ${dateToText(closableAt)}`,
  ]);
  return table(['CHANNEL', 'OTHER SIDE', 'DEPOSIT', 'PAID', 'SIGNED', ''], rows);
}

/** An estimate with six decimals. */
function roundedDown(amount: bigint): bigint {
  return amount - (amount % 10n ** 12n);
}
