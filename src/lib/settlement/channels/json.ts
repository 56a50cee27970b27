import type {ChannelView} from './list.ts';
import {voucherToJson} from './voucher.ts';

/** A channel as JSON shows it; amounts in base units. */
export function channelJson({newest, ...channel}: ChannelView): object {
  return {...channel, newest: newest === undefined ? null : voucherToJson(newest)};
}
