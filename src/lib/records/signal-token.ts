import {randomBytes} from 'node:crypto';

import {create, toBinary} from '@bufbuild/protobuf';
import type {PrivateKey} from '@libp2p/interface';

import {outOfBounds} from './eip712.ts';
import {openEnvelope, sealEnvelope} from './envelope.ts';
import type {EnvelopeKind} from './envelope.ts';
import {kinds} from './field-kinds.ts';
import {SignalTokenSchema} from './gen/signal_token_pb.js';
import type {SignalToken as TokenMessage} from './gen/signal_token_pb.js';
import {peerFromKey} from './peer-key.ts';
import {readMessage} from './read-message.ts';
import {checkLife, invalidRecord} from './record-error.ts';
import {isRoom} from './signal-message.ts';
import {isPrintable} from './text.ts';

/** Longest life: a token is made for one joining, which takes seconds. */
export const SIGNAL_TOKEN_LIFE_MS = 300_000;
/** Clocks of peer and server may be this far apart; less than for other records, since it adds to the life. */
export const SIGNAL_TOKEN_SKEW_MS = 30_000;
const TOKEN_MAX_BYTES = 768;
const PROTOCOL_MAX_BYTES = 128;
/** A DNS name and a port. */
const AUDIENCE_MAX_BYTES = 261;
const NONCE_BYTES = 16;

const KIND: EnvelopeKind = {
  record: 'signalling token',
  domain: 'quiver-signal-token',
  payloadType: '/quiver/signal-token/1',
  maxBytes: TOKEN_MAX_BYTES,
};

/** Lets one peer into one room once. */
export interface SignalToken {
  /** Peer id of who signed it. */
  peer: string;
  /** `/quiver/<profile>/signal/1.0.0`. */
  protocol: string;
  room: string;
  /** Host and port of the server it is meant for; empty for any. */
  audience: string;
  /** ms since the epoch. */
  issuedAt: number;
  expiresAt: number;
  /** 16 random bytes. */
  nonce: Uint8Array;
}

/**
 * Signs a token, as base64url text, that lives for `SIGNAL_TOKEN_LIFE_MS` from `now`.
 * Throws `RECORD_INVALID` when a field is out of bounds.
 */
export async function sealSignalToken(
  {protocol, room, audience}: Pick<SignalToken, 'protocol' | 'room' | 'audience'>,
  peerKey: PrivateKey,
  {now = Date.now(), lifeMs = SIGNAL_TOKEN_LIFE_MS}: {now?: number; lifeMs?: number} = {},
): Promise<string> {
  const message = create(SignalTokenSchema, {
    protocol,
    room,
    audience,
    issuedAt: BigInt(now),
    expiresAt: BigInt(now + lifeMs),
    nonce: new Uint8Array(randomBytes(NONCE_BYTES)),
  });
  fromMessage(message, peerKey.publicKey.raw);
  const bytes = await sealEnvelope(KIND, toBinary(SignalTokenSchema, message), peerKey);
  return Buffer.from(bytes).toString('base64url');
}

/**
 * Reads and checks a token: envelope, bounds and life; whether it is meant for this server, this room and this network,
 * and is used for the first time, is for the caller to see.
 * Throws `RECORD_INVALID`, `RECORD_EXPIRED`, or `CLOCK` when it comes from the future.
 */
export async function openSignalToken(text: string, {now = Date.now()}: {now?: number} = {}): Promise<SignalToken> {
  const {payload, peerKey} = await openEnvelope(KIND, fromBase64(text));
  const token = fromMessage(readMessage(SignalTokenSchema, payload, KIND.record, TOKEN_MAX_BYTES), peerKey);
  checkLife(KIND.record, token.issuedAt, token.expiresAt, SIGNAL_TOKEN_LIFE_MS, now, SIGNAL_TOKEN_SKEW_MS);
  return token;
}

function fromMessage(message: TokenMessage, peerKey: Uint8Array): SignalToken {
  const {protocol, room, audience, nonce} = message;
  if (protocol === '' || !isPrintable(protocol, PROTOCOL_MAX_BYTES)) throw outOfBounds(KIND.record, 'protocol');
  if (!isRoom(room)) throw outOfBounds(KIND.record, 'room');
  if (!isPrintable(audience, AUDIENCE_MAX_BYTES)) throw outOfBounds(KIND.record, 'audience');
  if (nonce.length !== NONCE_BYTES) throw outOfBounds(KIND.record, 'nonce');
  return {
    peer: peerFromKey(peerKey),
    protocol,
    room,
    audience,
    issuedAt: timeFromWire(message.issuedAt, 'issued_at'),
    expiresAt: timeFromWire(message.expiresAt, 'expires_at'),
    nonce,
  };
}

function timeFromWire(wire: bigint, field: string): number {
  const time = kinds.time.fromWire(wire);
  if (time === undefined) throw outOfBounds(KIND.record, field);
  return time;
}

function fromBase64(text: string): Uint8Array {
  if (text.length > TOKEN_MAX_BYTES * 2) throw invalidRecord(KIND.record, 'it is too long');
  const bytes = new Uint8Array(Buffer.from(text, 'base64url'));
  // Node skips what is not base64url; one token has one text.
  if (Buffer.from(bytes).toString('base64url') !== text) throw invalidRecord(KIND.record, 'it is not base64url');
  return bytes;
}
