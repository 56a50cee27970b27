import {randomBytes} from 'node:crypto';

import {create, toBinary} from '@bufbuild/protobuf';
import type {PrivateKey} from '@libp2p/interface';

import {outOfBounds} from './eip712.ts';
import type {Network} from './eip712.ts';
import {openEnvelope, sealEnvelope} from './envelope.ts';
import type {EnvelopeKind} from './envelope.ts';
import {kinds, uintFromBytes, uintToBytes} from './field-kinds.ts';
import {RequestForQuoteSchema} from './gen/request_for_quote_pb.js';
import type {RequestForQuote as RequestMessage} from './gen/request_for_quote_pb.js';
import {peerFromKey} from './peer-key.ts';
import {readMessage} from './read-message.ts';
import {checkLife} from './record-error.ts';
import {networkFromWire, networkToWire} from './struct-codec.ts';
import {isLabel, isModelDigest, isModelName, isPrintable} from './text.ts';

/** It goes to every peer of a topic, so it must stay small; the prompt has no place in it. */
export const REQUEST_FOR_QUOTE_MAX_BYTES = 512;
/** Longest time that providers may be asked to wait, in ms; nobody waits longer for a price. */
export const REQUEST_FOR_QUOTE_LIFE_MS = 60_000;
const REPLY_TOPIC_MAX_BYTES = 128;
/** Prices are uint128. */
const PRICE_MAX_BYTES = 16;

const KIND: EnvelopeKind = {
  record: 'request for quote',
  domain: 'quiver-request-for-quote',
  payloadType: '/quiver/request-for-quote/1',
  maxBytes: REQUEST_FOR_QUOTE_MAX_BYTES,
};

/** What a client looks for: a model by name or by digest, or anything with a capability such as `chat`. */
export type Wanted = {model: string} | {modelDigest: string} | {capability: string};

/** What a client announces to all providers. */
export interface RequestForQuote {
  /** 16 random bytes. */
  id: Uint8Array;
  /** Peer id of the client. */
  client: string;
  network: Network;
  wanted: Wanted;
  maxTokens: number;
  /** Estimates of the prompt's size. */
  promptTokens: number;
  promptBytes: number;
  /** Dearest acceptable price, base units per 1,000 tokens. */
  maxPriceIn?: bigint;
  maxPriceOut?: bigint;
  /** ms since the epoch. */
  issuedAt: number;
  /** Bids that come later are of no use; at most `REQUEST_FOR_QUOTE_LIFE_MS` after `issuedAt`. */
  deadline: number;
  /** Topic for bids from providers without a connection to the client. */
  replyTopic: string;
}

/** 16 random bytes for a request for quote, or for a request. */
export function createRequestId(): Uint8Array {
  return new Uint8Array(randomBytes(16));
}

/** Signs a request for quote with the client's peer key. Throws `RECORD_INVALID` when a field is out of bounds. */
export async function sealRequestForQuote(
  request: Omit<RequestForQuote, 'client'>,
  peerKey: PrivateKey,
): Promise<Uint8Array> {
  const {wanted, maxPriceIn, maxPriceOut} = request;
  const message = create(RequestForQuoteSchema, {
    ...networkToWire(request.network),
    id: request.id,
    wanted: wantedToWire(wanted),
    maxTokens: request.maxTokens,
    promptTokens: request.promptTokens,
    promptBytes: request.promptBytes,
    ...(maxPriceIn === undefined ? {} : {maxPriceIn: uintToBytes(maxPriceIn)}),
    ...(maxPriceOut === undefined ? {} : {maxPriceOut: uintToBytes(maxPriceOut)}),
    issuedAt: BigInt(request.issuedAt),
    deadline: BigInt(request.deadline),
    replyTopic: request.replyTopic,
  });
  fromMessage(message, peerKey.publicKey.raw);
  return sealEnvelope(KIND, toBinary(RequestForQuoteSchema, message), peerKey);
}

/**
 * Reads and checks a sealed request for quote: envelope, bounds and life.
 * Throws `RECORD_INVALID`, `RECORD_EXPIRED`, or `CLOCK` when it comes from the future.
 */
export async function openRequestForQuote(
  bytes: Uint8Array,
  {now = Date.now()}: {now?: number} = {},
): Promise<RequestForQuote> {
  const {payload, peerKey} = await openEnvelope(KIND, bytes);
  const request = fromMessage(
    readMessage(RequestForQuoteSchema, payload, KIND.record, REQUEST_FOR_QUOTE_MAX_BYTES),
    peerKey,
  );
  checkLife(KIND.record, request.issuedAt, request.deadline, REQUEST_FOR_QUOTE_LIFE_MS, now);
  return request;
}

function fromMessage(message: RequestMessage, peerKey: Uint8Array): RequestForQuote {
  const {maxTokens, promptTokens, promptBytes, replyTopic} = message;
  if (message.id.length !== 16) throw outOfBounds(KIND.record, 'id');
  if (maxTokens < 1) throw outOfBounds(KIND.record, 'max_tokens');
  if (!isPrintable(replyTopic, REPLY_TOPIC_MAX_BYTES)) throw outOfBounds(KIND.record, 'reply_topic');
  return {
    id: message.id,
    client: peerFromKey(peerKey),
    network: networkFromWire(KIND.record, message),
    wanted: wantedFromWire(message.wanted),
    maxTokens,
    promptTokens,
    promptBytes,
    ...(message.maxPriceIn === undefined ? {} : {maxPriceIn: priceFromWire(message.maxPriceIn, 'max_price_in')}),
    ...(message.maxPriceOut === undefined ? {} : {maxPriceOut: priceFromWire(message.maxPriceOut, 'max_price_out')}),
    issuedAt: timeFromWire(message.issuedAt, 'issued_at'),
    deadline: timeFromWire(message.deadline, 'deadline'),
    replyTopic,
  };
}

function wantedToWire(wanted: Wanted) {
  if ('model' in wanted) return {case: 'model', value: wanted.model} as const;
  if ('modelDigest' in wanted) return {case: 'modelDigest', value: wanted.modelDigest} as const;
  return {case: 'capability', value: wanted.capability} as const;
}

function wantedFromWire(wanted: RequestMessage['wanted']): Wanted {
  if (wanted.case === 'model' && isModelName(wanted.value)) return {model: wanted.value};
  if (wanted.case === 'modelDigest' && wanted.value !== '' && isModelDigest(wanted.value)) {
    return {modelDigest: wanted.value};
  }
  if (wanted.case === 'capability' && wanted.value !== '' && isLabel(wanted.value)) return {capability: wanted.value};
  throw outOfBounds(KIND.record, 'wanted');
}

function priceFromWire(bytes: Uint8Array, field: string): bigint {
  const price = uintFromBytes(bytes, PRICE_MAX_BYTES);
  if (price === undefined) throw outOfBounds(KIND.record, field);
  return price;
}

function timeFromWire(wire: bigint, field: string): number {
  const time = kinds.time.fromWire(wire);
  if (time === undefined) throw outOfBounds(KIND.record, field);
  return time;
}
