import {createHash, timingSafeEqual} from 'node:crypto';

import {hmac} from './hmac.ts';
import type {StunMessage} from './message.ts';
import {HEADER_BYTES, readUint16, SHA1_BYTES, SHA256_BYTES} from './message.ts';

export type IntegrityAlgorithm = 'sha1' | 'sha256';
export type PasswordAlgorithm = 'md5' | 'sha256';

/**
 * Key of the long-term mechanism: a digest of `user:realm:password`, 16 bytes with MD5 and 32 with SHA-256.
 * The texts are taken as they are, so SASLprep or OpaqueString is the caller's (RFC 8489 section 9.2.2, 18.5.1).
 */
export function longTermKey(user: string, realm: string, password: string, algorithm: PasswordAlgorithm): Buffer {
  return createHash(algorithm).update(`${user}:${realm}:${password}`).digest();
}

/** USERHASH: 32 bytes that name a user without saying the name (RFC 8489 section 14.4). */
export function userHash(user: string, realm: string): Buffer {
  return createHash('sha256').update(`${user}:${realm}`).digest();
}

/**
 * Whether every integrity attribute of the message is right for the key; false if there is none. In constant time.
 * Where each algorithm has a key of its own, or one of two must be there, ask for it by name.
 */
export function verifyIntegrity(message: StunMessage, key: Uint8Array, algorithm?: IntegrityAlgorithm): boolean {
  const {integrityAt, integritySha256At} = message;
  if (algorithm === 'sha1') return integrityAt !== -1 && matches(message, 'sha1', integrityAt, key);
  if (algorithm === 'sha256') return integritySha256At !== -1 && matches(message, 'sha256', integritySha256At, key);
  if (integrityAt === -1 && integritySha256At === -1) return false;
  return (
    (integrityAt === -1 || matches(message, 'sha1', integrityAt, key)) &&
    (integritySha256At === -1 || matches(message, 'sha256', integritySha256At, key))
  );
}

function matches(message: StunMessage, algorithm: IntegrityAlgorithm, valueAt: number, key: Uint8Array): boolean {
  const {bytes} = message;
  const length = algorithm === 'sha1' ? SHA1_BYTES : SHA256_BYTES;
  // Shortening it is for usages that say so (RFC 8489 section 14.6), and TURN does not.
  if (readUint16(bytes, valueAt - 2) !== length) return false;
  // The digest was made when this attribute was the last one: the length in the header says so, not what is there now.
  const covered = Buffer.from(bytes.subarray(0, valueAt - 4));
  covered.writeUInt16BE(valueAt + length - HEADER_BYTES, 2);
  return timingSafeEqual(hmac(algorithm, key, covered).subarray(0, length), bytes.subarray(valueAt, valueAt + length));
}
