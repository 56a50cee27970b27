import {create, toBinary} from '@bufbuild/protobuf';

import {recoverAddress, SIGNATURE_BYTES} from '../core/secp256k1.ts';
import type {PaymentKey} from '../core/secp256k1.ts';
import {defineStruct, structDigest} from './eip712.ts';
import type {Network, StructValue} from './eip712.ts';
import {SignedReceiptSchema} from './gen/receipt_pb.js';
import {readMessage} from './read-message.ts';
import {invalidRecord} from './record-error.ts';
import {networkFromWire, networkToWire, sameAddress, structFromWire, structToWire} from './struct-codec.ts';

export const RECEIPT_VERSION = 1;

/** A receipt of version 1 has at most about 750 bytes; the rest is room for fields that a later version adds. */
export const RECEIPT_MAX_BYTES = 2_048;

/** Prices are per so many tokens. */
export const PRICE_UNIT_TOKENS = 1_000n;

/** The one schema of receipt v1: digest, protobuf, JSON and the contracts' tests follow from this table. */
export const receiptStruct = defineStruct('Receipt', {
  version: 'uint16',
  /** 16 bytes that the client chose for the request. */
  requestId: 'bytes16',
  /** Peer id of who asked. */
  client: 'peer',
  /** Peer id of who answered. */
  provider: 'peer',
  /** Address of the provider's payment key, which signs. */
  paymentAddress: 'address',
  /** Digest of the bid that was accepted, zero without one. */
  offerDigest: 'bytes32',
  /** `sha256:<hex>`, `ollama:<hex>`, or empty when unknown. */
  modelDigest: 'modelDigest',
  /** e.g. `Q8_0`, empty when unknown. */
  quantisation: 'label',
  tokensIn: 'uint32',
  tokensOut: 'uint32',
  /** Those of `tokensIn` that came from a cache. */
  cachedTokens: 'uint32',
  /** UTF-8 bytes of all message contents. */
  bytesIn: 'uint32',
  /** UTF-8 bytes of the answer's text. */
  bytesOut: 'uint32',
  /** Base units per 1,000 tokens. */
  priceIn: 'uint128',
  priceOut: 'uint128',
  /** Base units: `costOf`. */
  cost: 'uint128',
  /** ERC-20 token of the price, zero where none is deployed. */
  asset: 'address',
  /** From the arrival of the request to the first token; 0 when there was none. */
  firstTokenMs: 'uint32',
  totalMs: 'uint32',
  finish: 'finish',
  /** SCREAMING_SNAKE code when `finish` is `error`, else empty. */
  error: 'label',
  /** sha256(salt ‖ question bytes); see salted-hash.ts. */
  requestHash: 'bytes32',
  /** sha256(salt ‖ answer text so far). */
  responseHash: 'bytes32',
  startedAt: 'time',
  issuedAt: 'time',
  /** Payment channel, zero until paid. */
  channelId: 'bytes32',
  /** Nonce of the voucher that covers this receipt, 0 until paid. */
  nonce: 'uint64',
  /** Digest of the last receipt that the client held from this provider when it asked, zero for the first. */
  previous: 'bytes32',
  /** Rises with every receipt of the same request, from 0; each covers all before it. */
  sequence: 'uint32',
});

/** The signed record of one answered request. */
export interface Receipt extends StructValue<typeof receiptStruct.fields> {
  network: Network;
}

export interface SignedReceipt {
  receipt: Receipt;
  /** 65 bytes r‖s‖v by the provider's payment key. */
  signature: Uint8Array;
}

/** What tokens cost: ceil((in × priceIn + out × priceOut) / 1000) base units. */
export function costOf(usage: {tokensIn: number; tokensOut: number; priceIn: bigint; priceOut: bigint}): bigint {
  const total = BigInt(usage.tokensIn) * usage.priceIn + BigInt(usage.tokensOut) * usage.priceOut;
  return (total + PRICE_UNIT_TOKENS - 1n) / PRICE_UNIT_TOKENS;
}

/** EIP-712 digest, 32 bytes: the identity of a receipt. Throws `RECORD_INVALID` naming a field out of bounds. */
export function receiptDigest(receipt: Receipt): Uint8Array {
  return structDigest(receiptStruct, receipt, receipt.network);
}

/** Signs a receipt with the key whose address it names. Throws `RECORD_INVALID`. */
export function signReceipt(receipt: Receipt, paymentKey: PaymentKey): SignedReceipt {
  if (!sameAddress(receipt.paymentAddress, paymentKey.address)) {
    throw invalidRecord('receipt', 'it names another payment address than the key that should sign it');
  }
  return {receipt, signature: paymentKey.sign(receiptDigest(receipt))};
}

/** Address whose key signed. Throws `SIGNATURE_INVALID` when the signature is malformed. */
export function receiptSigner({receipt, signature}: SignedReceipt): string {
  return recoverAddress(receiptDigest(receipt), signature);
}

/** The protobuf `SignedReceipt`. */
export function encodeReceipt({receipt, signature}: SignedReceipt): Uint8Array {
  const message = create(SignedReceiptSchema, {
    ...networkToWire(receipt.network),
    receipt: structToWire(receiptStruct, receipt),
    signature,
  });
  return toBinary(SignedReceiptSchema, message);
}

/**
 * Reads a protobuf `SignedReceipt` and checks every bound; the signature is left to `verifyReceipt`.
 * Throws `RECORD_INVALID`.
 */
export function decodeReceipt(bytes: Uint8Array): SignedReceipt {
  const message = readMessage(SignedReceiptSchema, bytes, 'receipt', RECEIPT_MAX_BYTES);
  if (message.receipt === undefined) throw invalidRecord('receipt', 'it is empty');
  if (message.receipt.version !== RECEIPT_VERSION) {
    throw invalidRecord(
      'receipt',
      `its version is ${message.receipt.version}, and this program reads ${RECEIPT_VERSION}`,
    );
  }
  if (message.signature.length !== SIGNATURE_BYTES) {
    throw invalidRecord('receipt', `its signature has ${message.signature.length} bytes instead of ${SIGNATURE_BYTES}`);
  }
  const network = networkFromWire('receipt', message);
  return {receipt: {...structFromWire(receiptStruct, message.receipt), network}, signature: message.signature};
}
