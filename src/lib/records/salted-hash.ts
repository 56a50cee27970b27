import {createHash, randomBytes} from 'node:crypto';

import {equalBytes} from '../core/bytes.ts';

/** Long enough that nobody can guess a short prompt from its hash by trying salts. */
export const SALT_BYTES = 32;

/** A fresh salt, chosen by the client for each request and told to the provider only. */
export function createSalt(): Uint8Array {
  return new Uint8Array(randomBytes(SALT_BYTES));
}

/**
 * sha256(salt ‖ bytes), 32 bytes: what a receipt holds instead of text. The bytes of a request are the encoded question
 * as it travelled, those of an answer the UTF-8 of its text.
 */
export function saltedHash(salt: Uint8Array, bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(salt).update(bytes).digest());
}

/** Whether a hash in a receipt is that of these bytes. */
export function matchesSaltedHash(hash: Uint8Array, salt: Uint8Array, bytes: Uint8Array): boolean {
  return equalBytes(hash, saltedHash(salt, bytes));
}

/** A salted hash that grows with an answer and can be read at every running receipt. */
export interface RunningHash {
  update(bytes: Uint8Array): void;
  /** The hash of all bytes so far. */
  current(): Uint8Array;
}

export function runningSaltedHash(salt: Uint8Array): RunningHash {
  const hash = createHash('sha256').update(salt);
  return {
    update: (bytes) => void hash.update(bytes),
    current: () => new Uint8Array(hash.copy().digest()),
  };
}
