import type {CredentialAlgorithm} from './credentials.ts';
import type {PeerRulesOptions} from './peer-rules.ts';

export interface CoreLimits {
  /** Peer addresses with a permission, for one allocation. */
  permissionsPerAllocation: number;
  channelsPerAllocation: number;
  /** Ports kept by EVEN-PORT for 30 seconds at a time. */
  reservations: number;
  /** Allocations waiting for admission or their socket. */
  openings: number;
  /** Datagrams of one allocation with their headers, both ways together; undefined: no cap. */
  bytesPerSecondPerAllocation?: number;
  /** Datagrams of all allocations of this core with their headers, both ways together; undefined: no cap. */
  bytesPerSecond?: number;
  /** STUN Binding requests of one IPv4 address or IPv6 /64. */
  bindingsPerSecond: number;
  bindingBurst: number;
  /** Answers to unauthenticated requests of one IPv4 address or IPv6 /64 over UDP, where sources are forged. */
  challengesPerSecond: number;
  challengeBurst: number;
  /** Wrong credentials of one IPv4 address or IPv6 /64; past it nothing that is signed is looked at. */
  failuresPerSecond: number;
  failureBurst: number;
}

export const CORE_LIMITS: CoreLimits = {
  // A browser asks for one for each candidate of the other side: some ten; conferences have more.
  permissionsPerAllocation: 128,
  channelsPerAllocation: 64,
  reservations: 100,
  openings: 256,
  bindingsPerSecond: 100,
  bindingBurst: 200,
  // A client needs one or two, and many clients may share an address.
  challengesPerSecond: 100,
  challengeBurst: 200,
  // Clients whose credentials are over try once or twice; 20 a second don't find a password of 8 letters in 300 years.
  failuresPerSecond: 20,
  failureBurst: 200,
};

/** Plain data, so that it can be handed to a worker thread; `wallClockMs` aside, which is for tests. */
export interface TurnCoreOptions {
  realm: string;
  /** Secrets of time-limited credentials; two while one replaces the other. */
  secrets: readonly string[];
  /** Static users and their passwords. */
  users: ReadonlyMap<string, string>;
  /** HMAC of time-limited credentials. @default 'sha1', what other issuers use */
  credentialAlgorithm?: CredentialAlgorithm;
  /** 32 random bytes, the same for all workers of one server: nonces of one are good at the others. */
  nonceKey: Uint8Array;
  /** @default 3600000 */
  nonceLifetimeMs?: number;
  peers: PeerRulesOptions;
  /** Lifetime of an allocation whose client asks for none or less. @default 600000 */
  lifetimeMs?: number;
  /** The longest a client gets. @default 3600000 */
  maxLifetimeMs?: number;
  /** Offers PASSWORD-ALGORITHMS over UDP too, where it makes a 401 larger. @default false */
  sha256OnUdp?: boolean;
  limits?: Partial<CoreLimits>;
  /** From `limiterMemory`, where several workers are to limit each source together. @default memory of its own */
  limiters?: {bindings: SharedArrayBuffer; challenges: SharedArrayBuffer; failures: SharedArrayBuffer};
  /** ms since the epoch, for nonces and credentials, that other hosts date. @default Date.now */
  wallClockMs?: () => number;
}

export const NONCE_LIFETIME_MS = 60 * 60_000;
/** RFC 8656 section 3.2 */
export const LIFETIME_MS = 600_000;
/** RFC 8656 section 7.2 */
export const MAX_LIFETIME_MS = 3_600_000;
