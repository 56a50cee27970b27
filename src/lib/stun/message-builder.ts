import {randomFillSync} from 'node:crypto';

import {hmac} from './hmac.ts';
import {fingerprintOf, HEADER_BYTES, MAGIC_COOKIE, padded, SHA1_BYTES, SHA256_BYTES} from './message.ts';
import type {MessageClass} from './types.ts';
import {ATTRIBUTE, messageType} from './types.ts';

export const TRANSACTION_ID_BYTES = 12;

/** Enough for most answers with integrity and fingerprint. */
const FIRST_BYTES = 256;
/** A message's length is 16 bits, in fours. */
const MAX_BYTES = HEADER_BYTES + 0xfffc;

/**
 * Writes one STUN message: `new MessageBuilder(METHOD.binding, CLASS.success, id).add(type, value).fingerprint().build()`.
 * Attributes stay in the order of the calls; `integrity` comes after all others, `fingerprint` last.
 * Padding is zero. A message longer than 64 KiB is a RangeError.
 */
export class MessageBuilder {
  #bytes: Buffer = Buffer.allocUnsafe(FIRST_BYTES);
  #length = HEADER_BYTES;

  constructor(method: number, messageClass: MessageClass, transactionId: Uint8Array = newTransactionId()) {
    if (transactionId.length !== TRANSACTION_ID_BYTES) throw new RangeError('A transaction id has 12 bytes');
    this.#bytes.writeUInt32BE((messageType(method, messageClass) << 16) >>> 0, 0);
    this.#bytes.writeUInt32BE(MAGIC_COOKIE, 4);
    this.#bytes.set(transactionId, 8);
  }

  /** A text is written as UTF-8. */
  add(type: number, value: Uint8Array | string): this {
    const bytes = typeof value === 'string' ? Buffer.from(value) : value;
    const at = this.#begin(type, bytes.length);
    this.#bytes.set(bytes, at);
    return this;
  }

  /** An attribute without a value, such as DONT-FRAGMENT. */
  flag(type: number): this {
    this.#begin(type, 0);
    return this;
  }

  addUint32(type: number, value: number): this {
    this.#bytes.writeUInt32BE(value >>> 0, this.#begin(type, 4));
    return this;
  }

  /** MESSAGE-INTEGRITY or MESSAGE-INTEGRITY-SHA256 over everything so far; for both call it with sha1 first. */
  integrity(key: Uint8Array, algorithm: 'sha1' | 'sha256'): this {
    const end = this.#length;
    const at =
      algorithm === 'sha1'
        ? this.#begin(ATTRIBUTE.messageIntegrity, SHA1_BYTES)
        : this.#begin(ATTRIBUTE.messageIntegritySha256, SHA256_BYTES);
    this.#bytes.set(hmac(algorithm, key, this.#bytes.subarray(0, end)), at);
    return this;
  }

  fingerprint(): this {
    const end = this.#length;
    const at = this.#begin(ATTRIBUTE.fingerprint, 4);
    this.#bytes.writeUInt32BE(fingerprintOf(this.#bytes, end), at);
    return this;
  }

  build(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Writes an attribute's header and zero padding, and the message's new length. */
  #begin(type: number, length: number): number {
    const at = this.#length + 4;
    const end = at + padded(length);
    if (end > MAX_BYTES) throw new RangeError('A STUN message has at most 65,532 bytes of attributes');
    if (end > this.#bytes.length) this.#grow(end);
    if (end > at + length) this.#bytes.fill(0, at + length, end);
    this.#bytes.writeUInt16BE(type, at - 4);
    this.#bytes.writeUInt16BE(length, at - 2);
    this.#bytes.writeUInt16BE(end - HEADER_BYTES, 2);
    this.#length = end;
    return at;
  }

  #grow(needed: number): void {
    const wider = Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2));
    wider.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = wider;
  }
}

/** 96 bits that can't be guessed (RFC 8489 section 5). */
export function newTransactionId(): Buffer {
  return randomFillSync(Buffer.allocUnsafe(TRANSACTION_ID_BYTES));
}
