import {createHmac, createSecretKey, timingSafeEqual} from 'node:crypto';
import type {KeyObject} from 'node:crypto';

import type {Endpoint} from '../../stun/endpoint.ts';

/** RFC 8489 section 9.2: the nonce cookie, then 24 feature bits in base64; bit 0, the last, is "password algorithms". */
const COOKIE = Buffer.from('obMatJos2AAAB', 'ascii');

/** 3 bytes of time and 9 of HMAC, 16 characters in base64: short, since a 401 answers addresses that may be forged. */
const TIME_BYTES = 3;
const TIME_MODULUS = 2 ** 24;
const NONCE_BYTES = 12;
const NONCE_CHARACTERS = 16;

export type NonceKind = 'plain' | 'algorithms';

/**
 * Nonces that need no memory: an HMAC over the client's address and port, the time in seconds and the kind, so that
 * nobody makes the server hold state before they have authenticated, and a nonce seen elsewhere is of no use.
 */
export class Nonces {
  readonly #key: KeyObject;
  readonly #lifetimeSeconds: number;

  /** `key`: 32 random bytes, the same for all workers of a server. */
  constructor(key: Uint8Array, lifetimeMs: number) {
    this.#key = createSecretKey(key);
    this.#lifetimeSeconds = lifetimeMs / 1000;
  }

  issue(kind: NonceKind, remote: Endpoint, nowSeconds: number): Buffer {
    const text = Buffer.from(this.#make(kind, remote, Math.floor(nowSeconds)).toString('base64url'), 'ascii');
    return kind === 'plain' ? text : Buffer.concat([COOKIE, text]);
  }

  /** The kind of a nonce that was issued to this address within the lifetime; undefined for any other. */
  check(nonce: Uint8Array, remote: Endpoint, nowSeconds: number): NonceKind | undefined {
    const kind = nonce.length === NONCE_CHARACTERS ? 'plain' : 'algorithms';
    const offset = kind === 'plain' ? 0 : COOKIE.length;
    if (nonce.length !== offset + NONCE_CHARACTERS || COOKIE.compare(nonce, 0, offset, 0, offset) !== 0) {
      return undefined;
    }
    const given = Buffer.from(Buffer.from(nonce.subarray(offset)).toString('latin1'), 'base64url');
    if (given.length !== NONCE_BYTES) {
      return undefined;
    }
    const now = Math.floor(nowSeconds);
    const age = (now - given.readUIntBE(0, TIME_BYTES) + TIME_MODULUS) % TIME_MODULUS;
    if (age >= this.#lifetimeSeconds || age > now) return undefined;
    return timingSafeEqual(given, this.#make(kind, remote, now - age)) ? kind : undefined;
  }

  #make(kind: NonceKind, remote: Endpoint, seconds: number): Buffer {
    const input = Buffer.alloc(9);
    input.writeUIntBE(seconds, 0, 6);
    input.writeUInt16BE(remote.port, 6);
    input[8] = kind === 'plain' ? 0 : 1;
    const nonce = Buffer.alloc(NONCE_BYTES);
    nonce.writeUIntBE(seconds % TIME_MODULUS, 0, TIME_BYTES);
    createHmac('sha256', this.#key).update(input).update(remote.bytes).digest().copy(nonce, TIME_BYTES);
    return nonce;
  }
}
