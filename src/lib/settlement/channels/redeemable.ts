import type {MoneyContracts} from '../contracts.ts';
import {notNow} from '../errors.ts';
import {findChannel, listChannels, type ChannelView} from './list.ts';
import type {ChannelStore} from './store.ts';

/** The channel that is meant, or all that have a voucher to redeem. Throws `VOUCHER_NONE`, and as `findChannel`. */
export async function redeemable(
  money: MoneyContracts,
  store: ChannelStore,
  account: string,
  wanted: string | undefined,
): Promise<ChannelView[]> {
  if (wanted !== undefined) return [await findChannel(money, store, account, wanted)];
  const due = (await listChannels(money, store, account)).filter(({role, payable}) => role !== 'payer' && payable > 0n);
  if (due.length > 0) return due;
  throw notNow('VOUCHER_NONE', 'There is no voucher to redeem', 'Bring one: quiver channel redeem --voucher FILE');
}

/** Of those, what is being closed: a voucher that isn't redeemed before the close is finished is lost. */
export async function challengeable(
  money: MoneyContracts,
  store: ChannelStore,
  account: string,
  wanted: string | undefined,
): Promise<ChannelView[]> {
  const closing = (await redeemable(money, store, account, wanted)).filter(({closableAt}) => closableAt > 0n);
  if (closing.length > 0) return closing;
  throw notNow('CHANNEL_NOT_CLOSING', 'No channel that owes you is being closed', 'quiver channel redeem');
}
