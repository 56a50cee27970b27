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

/** What signer and provider both sign to close a channel at once. */
export const closeStruct = defineStruct('Close', {
  channelId: 'bytes32',
  epoch: 'uint32',
  /** What the provider has been paid in all when the channel is closed, base units. */
  balance: 'uint128',
});

/** A provider's leave for an agent to have its vouchers redeemed by a collector: an aggregator, the settlement. */
export const mandateStruct = defineStruct('Mandate', {
  provider: 'address',
  collector: 'address',
  agent: 'address',
  /** The contract's `nonces(provider)`: each mandate is used once, and a later one ends those before. */
  nonce: 'uint64',
  /** Seconds since 1970 after which it is void. */
  deadline: 'uint64',
});

/**
 * EIP-712 digest that the channel's signer signs, 32 bytes; the domain's contract is that of the channels.
 * Throws `RECORD_INVALID` naming a field out of bounds.
 */
export function voucherDigest(voucher: Voucher, network: Network): Uint8Array {
  return structDigest(voucherStruct, voucher, network);
}
