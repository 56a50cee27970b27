import {create, toBinary} from '@bufbuild/protobuf';

import {recoverAddress} from '../core/secp256k1.ts';
import type {PaymentKey} from '../core/secp256k1.ts';
import {defineStruct, structDigest} from './eip712.ts';
import type {Network, StructValue} from './eip712.ts';
import {SignedBidSchema} from './gen/bid_pb.js';
import {readMessage} from './read-message.ts';
import {checkLife, invalidRecord} from './record-error.ts';
import {networkFromWire, networkToWire, sameAddress, structFromWire, structToWire} from './struct-codec.ts';

export const BID_VERSION = 1;

/** How long an offer may be used again, in ms: short enough that prices and load are still true. */
export const BID_LIFE_MS = 60_000;

export const BID_MAX_BYTES = 1_024;

/** The one schema of a provider's offer. It does not name a request: who holds it may use it until it ends. */
export const bidStruct = defineStruct('Bid', {
  version: 'uint16',
  /** Peer id of who offers. */
  provider: 'peer',
  /** Address of the provider's payment key, which signs this bid and the receipts that follow from it. */
  paymentAddress: 'address',
  /** Name under which the provider serves the model. */
  model: 'name',
  /** `sha256:<hex>`, `ollama:<hex>`, or empty when unknown. */
  modelDigest: 'modelDigest',
  /** e.g. `Q8_0`, empty when unknown. */
  quantisation: 'label',
  /** Base units per 1,000 tokens. */
  priceIn: 'uint128',
  priceOut: 'uint128',
  /** ERC-20 token of the price, zero where none is deployed. */
  asset: 'address',
  /** Requests that could start at once when this was signed. */
  slotsFree: 'uint32',
  /** Predicted time to the first token. */
  firstTokenMs: 'uint32',
  issuedAt: 'time',
  validUntil: 'time',
});

export interface Bid extends StructValue<typeof bidStruct.fields> {
  network: Network;
}

export interface SignedBid {
  bid: Bid;
  /** Address that signed, equal to `bid.paymentAddress`. */
  signer: string;
  /** EIP-712 digest, 32 bytes: the offer digest of receipts. */
  digest: Uint8Array;
  signature: Uint8Array;
}

/** EIP-712 digest, 32 bytes. Throws `RECORD_INVALID` naming a field out of bounds. */
export function bidDigest(bid: Bid): Uint8Array {
  return structDigest(bidStruct, bid, bid.network);
}

/** Signs a bid with the key whose address it names; gives the protobuf `SignedBid`. Throws `RECORD_INVALID`. */
export function signBid(bid: Bid, paymentKey: PaymentKey): Uint8Array {
  if (!sameAddress(bid.paymentAddress, paymentKey.address)) {
    throw invalidRecord('bid', 'it names another payment address than the key that should sign it');
  }
  const signature = paymentKey.sign(bidDigest(bid));
  const message = create(SignedBidSchema, {
    ...networkToWire(bid.network),
    bid: structToWire(bidStruct, bid),
    signature,
  });
  return toBinary(SignedBidSchema, message);
}

/**
 * Reads and checks a protobuf `SignedBid`: bounds, life and signature by the payment address it names.
 * That this address belongs to the provider's peer id is for the caller to know, from the connection or the manifest.
 * Throws `RECORD_INVALID`, `SIGNATURE_INVALID`, `RECORD_EXPIRED` or `CLOCK`.
 */
export function openBid(bytes: Uint8Array, {now = Date.now()}: {now?: number} = {}): SignedBid {
  const message = readMessage(SignedBidSchema, bytes, 'bid', BID_MAX_BYTES);
  if (message.bid === undefined) throw invalidRecord('bid', 'it is empty');
  if (message.bid.version !== BID_VERSION) {
    throw invalidRecord('bid', `its version is ${message.bid.version}, and this program reads ${BID_VERSION}`);
  }
  const bid = {...structFromWire(bidStruct, message.bid), network: networkFromWire('bid', message)};
  checkLife('bid', bid.issuedAt, bid.validUntil, BID_LIFE_MS, now);
  const digest = bidDigest(bid);
  const signer = recoverAddress(digest, message.signature);
  if (signer !== bid.paymentAddress) throw invalidRecord('bid', 'its signature is not by the payment address it names');
  return {bid, signer, digest, signature: message.signature};
}
