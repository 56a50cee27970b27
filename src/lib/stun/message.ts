import {crc32} from 'node:zlib';

import type {MessageClass} from './types.ts';
import {ATTRIBUTE, classOf, isUnknownRequired, methodOf} from './types.ts';

/** Type, length, magic cookie and transaction id (RFC 8489 section 5). */
export const HEADER_BYTES = 20;
export const MAGIC_COOKIE = 0x2112a442;
/** What CRC-32 is combined with, so that a packet of another protocol with a CRC-32 isn't taken for STUN (section 14.7). */
export const FINGERPRINT_XOR = 0x5354554e;
export const SHA1_BYTES = 20;
export const SHA256_BYTES = 32;

/** Ours have 15 at most; without a bound 64 KiB of empty attributes would be 16,000. */
const MAX_ATTRIBUTES = 64;
/** A truncated MESSAGE-INTEGRITY-SHA256 has at least so many bytes (RFC 8489 section 14.6). */
const MIN_SHA256_BYTES = 16;
const FINGERPRINT_BYTES = 4;
const ATTRIBUTE_HEADER_BYTES = 4;

const NONE: readonly number[] = Object.freeze([]);

/**
 * A well-formed STUN message: a view of the bytes it was decoded from, valid as long as those are not changed.
 * Attributes after an integrity attribute are not there, but FINGERPRINT and a MESSAGE-INTEGRITY-SHA256 behind a
 * MESSAGE-INTEGRITY (RFC 8489 sections 14.5 to 14.7). Of an attribute given twice the first counts.
 */
export class StunMessage {
  readonly bytes: Uint8Array;
  readonly method: number;
  readonly class: MessageClass;
  /** Attributes that must be understood and are not, for UNKNOWN-ATTRIBUTES of a 420. */
  readonly unknownRequired: readonly number[];
  /** Where the value of MESSAGE-INTEGRITY begins; -1 if there is none. */
  readonly integrityAt: number;
  /** Where the value of MESSAGE-INTEGRITY-SHA256 begins; -1 if there is none. */
  readonly integritySha256At: number;
  /** A FINGERPRINT was there, and right. */
  readonly fingerprinted: boolean;
  /** Where the attributes end that count. */
  readonly #end: number;

  constructor(bytes: Uint8Array, layout: Layout) {
    const type = readUint16(bytes, 0);
    this.bytes = bytes;
    this.method = methodOf(type);
    this.class = classOf(type);
    this.unknownRequired = layout.unknownRequired;
    this.integrityAt = layout.integrityAt;
    this.integritySha256At = layout.integritySha256At;
    this.fingerprinted = layout.fingerprinted;
    this.#end = layout.end;
  }

  /** 12 bytes. */
  get transactionId(): Uint8Array {
    return this.bytes.subarray(8, HEADER_BYTES);
  }

  /** The value of the first attribute of this type, without padding. */
  attribute(type: number): Uint8Array | undefined {
    const at = this.locate(type);
    return at === -1 ? undefined : this.bytes.subarray(at, at + readUint16(this.bytes, at - 2));
  }

  has(type: number): boolean {
    return this.locate(type) !== -1;
  }

  /** Where the value of the first attribute of this type begins, or -1; its length is the 16 bits before. */
  locate(type: number): number {
    const {bytes} = this;
    for (let at = HEADER_BYTES; at < this.#end;) {
      if (readUint16(bytes, at) === type) return at + ATTRIBUTE_HEADER_BYTES;
      at += ATTRIBUTE_HEADER_BYTES + padded(readUint16(bytes, at + 2));
    }
    return -1;
  }
}

interface Layout {
  end: number;
  integrityAt: number;
  integritySha256At: number;
  fingerprinted: boolean;
  unknownRequired: readonly number[];
}

/** Whether bytes can be a STUN message of RFC 5389 and later: two zero bits, the cookie, and a length that fits. */
export function isStun(bytes: Uint8Array): boolean {
  return (
    bytes.length >= HEADER_BYTES &&
    byteAt(bytes, 0) < 0x40 &&
    byteAt(bytes, 4) === 0x21 &&
    byteAt(bytes, 5) === 0x12 &&
    byteAt(bytes, 6) === 0xa4 &&
    byteAt(bytes, 7) === 0x42 &&
    readUint16(bytes, 2) === bytes.length - HEADER_BYTES &&
    (bytes.length & 3) === 0
  );
}

/**
 * Reads one STUN message that fills the bytes exactly. Undefined for anything that isn't one: an attribute out of
 * bounds, more than 64 attributes, an integrity attribute of a wrong length, a wrong or not last FINGERPRINT.
 * Never throws.
 */
export function decodeMessage(bytes: Uint8Array): StunMessage | undefined {
  if (!isStun(bytes)) return undefined;
  const layout: Layout = {
    end: bytes.length,
    integrityAt: -1,
    integritySha256At: -1,
    fingerprinted: false,
    unknownRequired: NONE,
  };
  let over = false;
  let count = 0;
  for (let at = HEADER_BYTES; at < bytes.length;) {
    // Length is a multiple of four and so is every step: an attribute's header is always inside.
    const type = readUint16(bytes, at);
    const length = readUint16(bytes, at + 2);
    const value = at + ATTRIBUTE_HEADER_BYTES;
    const next = value + padded(length);
    if (next > bytes.length || ++count > MAX_ATTRIBUTES) return undefined;
    if (type === ATTRIBUTE.fingerprint) {
      if (length !== FINGERPRINT_BYTES || next !== bytes.length) return undefined;
      if (readUint32(bytes, value) !== fingerprintOf(bytes, at)) return undefined;
      layout.fingerprinted = true;
      if (!over) layout.end = at;
    } else if (type === ATTRIBUTE.messageIntegrity) {
      if (!over) {
        if (length !== SHA1_BYTES) return undefined;
        layout.integrityAt = value;
        layout.end = at;
        over = true;
      }
    } else if (type === ATTRIBUTE.messageIntegritySha256) {
      if (layout.integritySha256At === -1) {
        if (length < MIN_SHA256_BYTES || length > SHA256_BYTES || (length & 3) !== 0) return undefined;
        layout.integritySha256At = value;
        if (!over) layout.end = at;
        over = true;
      }
    } else if (!over && isUnknownRequired(type)) {
      layout.unknownRequired = withType(layout.unknownRequired, type);
    }
    at = next;
  }
  return new StunMessage(bytes, layout);
}

/** What FINGERPRINT says of a message up to there, whose header already counts the attribute itself. */
export function fingerprintOf(bytes: Uint8Array, end: number): number {
  return (crc32(bytes.subarray(0, end)) ^ FINGERPRINT_XOR) >>> 0;
}

/** Attribute values are followed by zeros up to a multiple of four. */
export function padded(length: number): number {
  return (length + 3) & ~3;
}

export function readUint16(bytes: Uint8Array, at: number): number {
  return (byteAt(bytes, at) << 8) | byteAt(bytes, at + 1);
}

export function readUint32(bytes: Uint8Array, at: number): number {
  return ((readUint16(bytes, at) << 16) | readUint16(bytes, at + 2)) >>> 0;
}

export function byteAt(bytes: Uint8Array, at: number): number {
  return bytes[at] ?? 0;
}

function withType(types: readonly number[], type: number): readonly number[] {
  return types.includes(type) ? types : [...types, type];
}
