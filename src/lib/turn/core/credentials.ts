import {createHmac} from 'node:crypto';

import {QuiverError} from '../../core/errors.ts';
import {longTermKey} from '../../stun/integrity.ts';
import type {PasswordAlgorithm} from '../../stun/integrity.ts';

export type CredentialAlgorithm = 'sha1' | 'sha256';

/** What a session needs at most; a leaked credential is worth as long. */
export const MAX_CREDENTIAL_LIFETIME_MS = 24 * 60 * 60_000;

/** Enough for a long call: a live allocation outlives its credential. */
export const CREDENTIAL_LIFETIME_MS = 60 * 60_000;

/** How far the clock of the host that issues credentials may run ahead. */
const CLOCK_LEEWAY_SECONDS = 60;

/** `expiry:user`, seconds since the epoch; the user may hold colons, as DIDs do. */
const TIME_LIMITED = /^([1-9]\d{0,11}):(.+)$/su;

export interface IssuedCredential {
  username: string;
  credential: string;
  /** ms since the epoch */
  expiresAt: number;
}

const passwordFor = (username: string, secret: string, algorithm: CredentialAlgorithm): string =>
  createHmac(algorithm, secret).update(username).digest('base64');

/**
 * A time-limited credential that any server with the same secret accepts until it expires
 * (draft-uberti-behave-turn-rest section 2.2): password = base64(HMAC(secret, username)).
 */
export function issueCredential(options: {
  user: string;
  secret: string;
  lifetimeMs?: number;
  nowMs: number;
  algorithm?: CredentialAlgorithm;
}): IssuedCredential {
  const {user, secret, lifetimeMs = CREDENTIAL_LIFETIME_MS, nowMs, algorithm = 'sha1'} = options;
  if (!(lifetimeMs >= 1000 && lifetimeMs <= MAX_CREDENTIAL_LIFETIME_MS)) {
    throw new QuiverError({
      code: 'TURN_CREDENTIAL_LIFETIME',
      message: 'A TURN credential lives between one second and 24 hours.',
      fix: 'Choose a shorter lifetime, for example 1h.',
    });
  }
  const expirySeconds = Math.floor((nowMs + lifetimeMs) / 1000);
  const username = `${expirySeconds}:${user}`;
  return {username, credential: passwordFor(username, secret, algorithm), expiresAt: expirySeconds * 1000};
}

export interface CredentialsOptions {
  realm: string;
  /** Secrets of time-limited credentials; two at once while one replaces the other. */
  secrets: readonly string[];
  /** Static users and their passwords. */
  users: ReadonlyMap<string, string>;
  algorithm?: CredentialAlgorithm;
}

/** Whose keys may have made a request's MESSAGE-INTEGRITY. */
export interface KeyedUser {
  /** The part after the expiry: what quotas count, so that a fresh credential is no fresh quota. */
  user: string;
  /** One for each secret that may have issued the password. */
  keys: readonly Buffer[];
}

export class Credentials {
  readonly #options: CredentialsOptions;

  constructor(options: CredentialsOptions) {
    this.#options = options;
  }

  /** undefined: no such user, or expired, or living longer than any credential should. */
  find(username: string, nowSeconds: number, passwordAlgorithm: PasswordAlgorithm): KeyedUser | undefined {
    const {realm, secrets, users, algorithm = 'sha1'} = this.#options;
    const password = users.get(username);
    if (password !== undefined) {
      return {user: username, keys: [longTermKey(username, realm, password, passwordAlgorithm)]};
    }
    const [, expiry, user] = TIME_LIMITED.exec(username) ?? [];
    if (expiry === undefined || user === undefined || secrets.length === 0) {
      return undefined;
    }
    const leftSeconds = Number(expiry) - nowSeconds;
    if (leftSeconds <= 0 || leftSeconds > MAX_CREDENTIAL_LIFETIME_MS / 1000 + CLOCK_LEEWAY_SECONDS) {
      return undefined;
    }
    const key = (secret: string): Buffer =>
      longTermKey(username, realm, passwordFor(username, secret, algorithm), passwordAlgorithm);
    return {user, keys: secrets.map(key)};
  }
}
