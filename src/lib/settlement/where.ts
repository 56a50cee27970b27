import {listChannels} from './channels/list.ts';
import type {ChannelStore} from './channels/store.ts';
import {chainTime, type MoneyContracts} from './contracts.ts';
import {listReports} from './staking/slashing.ts';

export const PLACE_NAMES = [
  'wallet',
  'staked',
  'unbonding',
  'claimable',
  'on hold',
  'pending rewards',
  'channels',
  'report bonds',
  'aggregator',
] as const;
type PlaceName = (typeof PLACE_NAMES)[number];

/** One place where money of an account is. Amounts in base units of QUIV, times in seconds since 1970. */
export interface Place {
  place: PlaceName;
  amount: bigint;
  /** When it can be had. */
  until?: bigint;
  /** What about it. */
  detail?: string;
  /** The command that gets it out. */
  next?: string;
}

export interface MoneyOverview {
  address: string;
  places: Place[];
  /** Sum of the places: all that the chain says is this account's. */
  total: bigint;
  /** Of what lies in its channels, signed away to providers and not redeemed yet. */
  promised: bigint;
  /** Signed to this account by others, in channels of theirs. */
  receivable: bigint;
  /** total - promised + receivable */
  net: bigint;
  now: bigint;
}

/** Every place where the money of an account is, and their sum. */
export async function whereIsTheMoney(
  money: MoneyContracts,
  store: ChannelStore,
  address: string,
): Promise<MoneyOverview> {
  const {token, staking, settlement} = money;
  const [balance, info, ledger, reports, bond, list, now] = await Promise.all([
    token.read('balanceOf', [address]),
    staking.read('accountInfo', [address]),
    settlement.read('ledgerOf', [address]),
    listReports(money, {reporter: address}),
    staking.read('REPORT_BOND', []),
    listChannels(money, store, address),
    chainTime(money),
  ]);
  const places: Place[] = [{place: 'wallet', amount: balance}];
  const add = (place: Place): void => void (place.amount > 0n && places.push(place));

  add({place: 'staked', amount: info.staked, next: 'quiver stake unstake all'});
  add(unbondingPlace(info, now));
  add({place: 'pending rewards', amount: info.pendingRewards, next: 'quiver rewards claim'});

  const own = list.filter(({role}) => role !== 'provider');
  for (const {id, provider, deposit, settled, closableAt} of own) {
    const closing = closableAt > 0n ? {until: closableAt} : {};
    const next = `quiver channel close ${id.slice(0, 10)}`;
    add({place: 'channels', amount: deposit - settled, detail: `to ${provider}`, ...closing, next});
  }
  for (const {evidence, bonded, status, lapsesAt} of reports) {
    if (!bonded) continue;
    const detail = `report ${evidence.slice(0, 10)}, ${status}`;
    add({
      place: 'report bonds',
      amount: bond,
      until: lapsesAt,
      detail,
      next: `quiver slash execute ${evidence.slice(0, 10)}`,
    });
  }
  add({place: 'aggregator', amount: ledger.bond, detail: 'bond'});

  const sum = (amounts: readonly bigint[]): bigint => amounts.reduce((total, amount) => total + amount, 0n);
  const total = sum(places.map(({amount}) => amount));
  const promised = sum(own.map(({payable}) => payable));
  const receivable = sum(list.filter(({role}) => role !== 'payer').map(({payable}) => payable));
  return {address, places, total, promised, receivable, net: total - promised + receivable, now};
}

function unbondingPlace(
  {unbonding, unlockAt, withdrawableAt}: {unbonding: bigint; unlockAt: bigint; withdrawableAt: bigint},
  now: bigint,
): Place {
  if (now >= withdrawableAt)
    return {place: 'claimable', amount: unbonding, detail: 'unbonded', next: 'quiver stake withdraw'};
  if (now >= unlockAt) {
    return {
      place: 'on hold',
      amount: unbonding,
      until: withdrawableAt,
      detail: 'a report on it is open',
      next: 'quiver slash list',
    };
  }
  return {place: 'unbonding', amount: unbonding, until: withdrawableAt, next: 'quiver stake withdraw'};
}
