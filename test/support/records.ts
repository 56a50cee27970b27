import {generateKeyPair} from '@libp2p/crypto/keys';
import * as fc from 'fast-check';

import {addressFromBytes, generatePaymentSecret, paymentKeyFromBytes} from '../../src/lib/core/secp256k1.ts';
import type {Bid} from '../../src/lib/records/bid.ts';
import {RECEIPT_FINISHES} from '../../src/lib/records/field-kinds.ts';
import {peerFromKey} from '../../src/lib/records/peer-key.ts';
import {costOf, signReceipt} from '../../src/lib/records/receipt.ts';
import type {Receipt, SignedReceipt} from '../../src/lib/records/receipt.ts';

export const paymentKey = paymentKeyFromBytes(generatePaymentSecret());
export const peerKey = await generateKeyPair('Ed25519');

export const bytes = (length: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({minLength: length, maxLength: length});
export const address = bytes(20).map(addressFromBytes);
export const peer = bytes(32).map(peerFromKey);
export const uint32 = fc.integer({min: 0, max: 0xffff_ffff});
export const uint128 = fc.bigInt({min: 0n, max: 2n ** 128n - 1n});
export const time = fc.integer({min: 0, max: Number.MAX_SAFE_INTEGER});
export const label = fc.stringMatching(/^[\x21-\x7e]{0,32}$/);
export const modelDigest = fc.oneof(
  fc.constant(''),
  fc
    .tuple(fc.constantFrom('sha256', 'ollama'), bytes(32))
    .map(([scheme, digest]) => `${scheme}:${Buffer.from(digest).toString('hex')}`),
);
export const network = fc.record({chainId: fc.integer({min: 1, max: Number.MAX_SAFE_INTEGER}), settlement: address});

/** Receipts that are within their bounds, and otherwise make no sense. */
export const anyReceipt: fc.Arbitrary<Receipt> = fc.record({
  network,
  version: fc.constant(1),
  requestId: bytes(16),
  client: peer,
  provider: peer,
  paymentAddress: fc.constant(paymentKey.address),
  offerDigest: bytes(32),
  modelDigest,
  quantisation: label,
  tokensIn: uint32,
  tokensOut: uint32,
  cachedTokens: uint32,
  bytesIn: uint32,
  bytesOut: uint32,
  priceIn: uint128,
  priceOut: uint128,
  cost: uint128,
  asset: address,
  firstTokenMs: uint32,
  totalMs: uint32,
  finish: fc.constantFrom(...RECEIPT_FINISHES),
  error: label,
  requestHash: bytes(32),
  responseHash: bytes(32),
  startedAt: time,
  issuedAt: time,
  channelId: bytes(32),
  nonce: fc.bigInt({min: 0n, max: 2n ** 64n - 1n}),
  previous: bytes(32),
  sequence: uint32,
});

export const anyBid: fc.Arbitrary<Bid> = fc.record({
  network,
  version: fc.constant(1),
  provider: peer,
  paymentAddress: fc.constant(paymentKey.address),
  model: fc.constantFrom('quiver-tiny', 'llama3.2:latest', '/models/My Model (1).gguf', '模型'),
  modelDigest,
  quantisation: label,
  priceIn: uint128,
  priceOut: uint128,
  asset: address,
  slotsFree: uint32,
  firstTokenMs: uint32,
  issuedAt: time,
  validUntil: time,
});

export const LOCAL_NETWORK = {chainId: 31_337, settlement: `0x${'0'.repeat(40)}`};

const CLIENT = peerFromKey(new Uint8Array(32).fill(1));
const PROVIDER = peerFromKey(new Uint8Array(32).fill(2));

/** A receipt that is right in every way, with what a test changes; the cost follows unless it is given. */
export function goodReceipt(changes: Partial<Receipt> = {}): Receipt {
  const issuedAt = changes.issuedAt ?? Date.now();
  const receipt: Receipt = {
    network: LOCAL_NETWORK,
    version: 1,
    requestId: new Uint8Array(16).fill(3),
    client: CLIENT,
    provider: PROVIDER,
    paymentAddress: paymentKey.address,
    offerDigest: new Uint8Array(32).fill(4),
    modelDigest: `sha256:${'ab'.repeat(32)}`,
    quantisation: 'Q8_0',
    tokensIn: 12,
    tokensOut: 34,
    cachedTokens: 2,
    bytesIn: 50,
    bytesOut: 140,
    priceIn: 1_500n,
    priceOut: 3_001n,
    cost: 0n,
    asset: LOCAL_NETWORK.settlement,
    firstTokenMs: 8,
    totalMs: 90,
    finish: 'stop',
    error: '',
    requestHash: new Uint8Array(32).fill(5),
    responseHash: new Uint8Array(32).fill(6),
    startedAt: issuedAt - 90,
    issuedAt,
    channelId: new Uint8Array(32),
    nonce: 0n,
    previous: new Uint8Array(32),
    sequence: 0,
    ...changes,
  };
  return {...receipt, cost: changes.cost ?? costOf(receipt)};
}

export function signedReceipt(changes: Partial<Receipt> = {}): SignedReceipt {
  return signReceipt(goodReceipt(changes), paymentKey);
}
