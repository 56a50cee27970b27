import {defineStruct, structDigest} from './eip712.ts';
import type {Network, StructValue} from './eip712.ts';

/** The one schema of a client's cumulative payment in a channel. */
export const voucherStruct = defineStruct('Voucher', {
  channelId: 'bytes32',
  /** Which opening of the channel this pays, so that a voucher does not outlive a close and a reopening. */
  epoch: 'uint32',
  /** Rises with every voucher; tells the newest, and pays nothing by itself. */
  nonce: 'uint64',
  /** All that the provider may take from the channel since it was opened, base units. */
  balance: 'uint128',
});

export type Voucher = StructValue<typeof voucherStruct.fields>;

/** EIP-712 digest that the channel's signer signs, 32 bytes. Throws `RECORD_INVALID` naming a field out of bounds. */
export function voucherDigest(voucher: Voucher, network: Network): Uint8Array {
  return structDigest(voucherStruct, voucher, network);
}
