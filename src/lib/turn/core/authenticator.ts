import {ATTRIBUTE, CLASS, METHOD} from '../../stun/types.ts';
import {PASSWORD_ALGORITHM, readPasswordAlgorithm, writePasswordAlgorithms} from '../../stun/attributes.ts';
import {SourceLimiter} from '../../stun/source-limiter.ts';
import {ERROR_CODE, writeErrorCode} from '../../stun/error-code.ts';
import {verifyIntegrity} from '../../stun/integrity.ts';
import type {PasswordAlgorithm} from '../../stun/integrity.ts';
import type {StunMessage} from '../../stun/message.ts';
import type {Allocation} from './allocation.ts';
import type {TurnCounters} from './counters.ts';
import {Credentials} from './credentials.ts';
import type {KeyedUser} from './credentials.ts';
import type {Identity} from './identity.ts';
import type {ClientPath} from './io.ts';
import {Nonces} from './nonce.ts';
import type {NonceKind} from './nonce.ts';
import {NONCE_LIFETIME_MS} from './options.ts';
import type {CoreLimits, TurnCoreOptions} from './options.ts';
import {Responder} from './responder.ts';

/** RFC 5389 section 15.3; RFC 8489 says 508 bytes. */
const MAX_USERNAME_BYTES = 513;

/** The shortest Allocate. Shorter is nobody's request, but would get the most for its bytes with a forged source. */
const MIN_CHALLENGED_BYTES = 28;

/** What PASSWORD-ALGORITHMS offers, best first; clients must send it back as it was, which stops bidding down. */
const OFFER = writePasswordAlgorithms(PASSWORD_ALGORITHM.sha256, PASSWORD_ALGORITHM.md5);

const utf8 = new TextDecoder('utf-8', {fatal: true, ignoreBOM: true});

/** The long-term credential mechanism of RFC 8489 section 9.2.4, for every request but Binding. Holds no state. */
export class Authenticator {
  readonly #realm: Buffer;
  readonly #credentials: Credentials;
  readonly #nonces: Nonces;
  readonly #challenges: SourceLimiter;
  readonly #failures: SourceLimiter;
  readonly #sha256OnUdp: boolean;
  readonly #wallClockMs: () => number;
  readonly #counters: TurnCounters;

  constructor(options: TurnCoreOptions, limits: CoreLimits, counters: TurnCounters) {
    this.#realm = Buffer.from(options.realm);
    this.#credentials = new Credentials({...options, algorithm: options.credentialAlgorithm ?? 'sha1'});
    this.#nonces = new Nonces(options.nonceKey, options.nonceLifetimeMs ?? NONCE_LIFETIME_MS);
    this.#challenges = new SourceLimiter({
      perSecond: limits.challengesPerSecond,
      burst: limits.challengeBurst,
      ...(options.limiters === undefined ? {} : {memory: options.limiters.challenges}),
    });
    this.#failures = new SourceLimiter({
      perSecond: limits.failuresPerSecond,
      burst: limits.failureBurst,
      ...(options.limiters === undefined ? {} : {memory: options.limiters.failures}),
    });
    this.#sha256OnUdp = options.sha256OnUdp ?? false;
    this.#wallClockMs = options.wallClockMs ?? Date.now;
    this.#counters = counters;
  }

  setSecrets(secrets: readonly string[]): void {
    this.#credentials.setSecrets(secrets);
  }

  /** Who asks; undefined when the request was answered with an error, or, where that would be too much, with nothing. */
  authenticate(
    path: ClientPath,
    message: StunMessage,
    allocation: Allocation | undefined,
    nowMs: number,
  ): Identity | undefined {
    if (message.integrityAt === -1 && message.integritySha256At === -1) {
      this.#counters.challenges += 1;
      const tiny = path.transport === 'udp' && message.bytes.length < MIN_CHALLENGED_BYTES;
      return this.#refuse(path, message, tiny ? ERROR_CODE.badRequest : ERROR_CODE.unauthenticated, nowMs);
    }
    const username = message.attribute(ATTRIBUTE.username);
    const nonce = message.attribute(ATTRIBUTE.nonce);
    if (username === undefined || nonce === undefined || !message.has(ATTRIBUTE.realm)) {
      return this.#refuse(path, message, ERROR_CODE.badRequest, nowMs);
    }
    // The nonce comes first, unlike in the RFC: it proves the source before any work is done for a username.
    const kind = this.#nonceKind(path);
    if (!this.#nonces.check(nonce, kind, path.remote, this.#wallClockMs() / 1000)) {
      this.#counters.staleNonces += 1;
      return this.#refuse(path, message, ERROR_CODE.staleNonce, nowMs);
    }
    const passwordAlgorithm = chosenAlgorithm(message, kind);
    if (passwordAlgorithm === undefined) return this.#refuse(path, message, ERROR_CODE.badRequest, nowMs);
    // Only a right guess would be answered otherwise, and a guesser needs no other answers.
    const isKnown = allocation !== undefined && isOwner(allocation.identity, username);
    if (!isKnown && this.#failures.isSpent(path.remote, nowMs)) {
      this.#counters.challengesLimited += 1;
      return undefined;
    }
    const identity = this.#verify(message, username, passwordAlgorithm, allocation);
    if (identity === undefined) {
      this.#counters.authFailures += 1;
      this.#failures.allow(path.remote, nowMs);
      return this.#refuse(path, message, ERROR_CODE.unauthenticated, nowMs);
    }
    // RFC 8656 section 5: what comes after the Allocate must be by the same username.
    if (allocation !== undefined && message.method !== METHOD.allocate && !isOwner(allocation.identity, username)) {
      new Responder(path, message, identity).fail(ERROR_CODE.wrongCredentials);
      return undefined;
    }
    return identity;
  }

  #verify(
    message: StunMessage,
    username: Uint8Array,
    passwordAlgorithm: PasswordAlgorithm,
    allocation: Allocation | undefined,
  ): Identity | undefined {
    const algorithm = message.integritySha256At === -1 ? 'sha1' : 'sha256';
    // The key of a live allocation is good until its end, so a Refresh outlives a time-limited credential.
    const identity = allocation?.identity;
    if (identity?.passwordAlgorithm === passwordAlgorithm && isOwner(identity, username)) {
      if (!verifyIntegrity(message, identity.key)) return undefined;
      return identity.algorithm === algorithm ? identity : {...identity, algorithm};
    }
    const known = this.#find(username, passwordAlgorithm);
    const key = known?.keys.find((candidate) => verifyIntegrity(message, candidate));
    if (known === undefined || key === undefined) return undefined;
    return {key, algorithm, username: Uint8Array.from(username), user: known.user, passwordAlgorithm};
  }

  #find(username: Uint8Array, passwordAlgorithm: PasswordAlgorithm): KeyedUser | undefined {
    if (username.length > MAX_USERNAME_BYTES) return undefined;
    try {
      return this.#credentials.find(utf8.decode(username), this.#wallClockMs() / 1000, passwordAlgorithm);
    } catch {
      return undefined; // Not UTF-8.
    }
  }

  /** Of what an address got over another transport nothing is good here: a nonce says whether algorithms were offered. */
  #nonceKind({transport}: ClientPath): NonceKind {
    return transport !== 'udp' || this.#sha256OnUdp ? 'algorithms' : 'plain';
  }

  /** An unsigned error; over UDP only so many, since the source may be forged to have its owner flooded. */
  #refuse(path: ClientPath, message: StunMessage, code: number, nowMs: number): undefined {
    if (path.transport === 'udp' && !this.#challenges.allow(path.remote, nowMs)) {
      this.#counters.challengesLimited += 1;
      return undefined;
    }
    const responder = new Responder(path, message);
    const builder = responder.begin(CLASS.error).add(ATTRIBUTE.errorCode, writeErrorCode(code));
    if (code !== ERROR_CODE.badRequest) {
      const kind = this.#nonceKind(path);
      builder.add(ATTRIBUTE.realm, this.#realm);
      builder.add(ATTRIBUTE.nonce, this.#nonces.issue(kind, path.remote, this.#wallClockMs() / 1000));
      if (kind === 'algorithms') builder.add(ATTRIBUTE.passwordAlgorithms, OFFER);
    }
    responder.send(builder);
    return undefined;
  }
}

const isOwner = (identity: Identity, username: Uint8Array): boolean =>
  Buffer.compare(identity.username, username) === 0;

/**
 * The algorithm of the key. RFC 8489 section 9.2.4: where the nonce says that algorithms were offered, a request names
 * its choice and repeats the offer, or does neither, as a client of RFC 5389 would; undefined is a 400.
 */
function chosenAlgorithm(message: StunMessage, kind: NonceKind): PasswordAlgorithm | undefined {
  const choice = message.attribute(ATTRIBUTE.passwordAlgorithm);
  const offer = message.attribute(ATTRIBUTE.passwordAlgorithms);
  if (choice === undefined && offer === undefined) return 'md5';
  if (choice === undefined || offer === undefined || kind === 'plain' || Buffer.compare(offer, OFFER) !== 0) {
    return undefined;
  }
  const number = readPasswordAlgorithm(choice);
  if (number === PASSWORD_ALGORITHM.sha256) return 'sha256';
  return number === PASSWORD_ALGORITHM.md5 ? 'md5' : undefined;
}
