import type {CredentialAlgorithm} from '../core/credentials.ts';

/** The settings of a TURN server, as far as coturn knows them. */
export interface CoturnOptions {
  /** Where its configuration and database live while it runs, readable for this user only; under the state folder. */
  folder: string;
  /** Name on the PATH, or a path. @default 'turnserver' */
  program?: string;
  /** Run a version with known holes all the same. @default false */
  force?: boolean;
  listen: {
    /** IP addresses of this machine, or wildcards, which mean all of them. */
    hosts: readonly string[];
    /** UDP and TCP; 0 for a free one. */
    port: number;
    tcp: boolean;
    /** Addresses or names that others know the hosts by. */
    publicAddresses?: readonly string[];
    tls?: {port: number; certFile: string; keyFile: string} | undefined;
  };
  relay: {
    /** `announced` is what clients are told, where a NAT is in between. */
    addresses: readonly {address: string; announced?: string | undefined}[];
    /** First and last port. */
    ports: readonly [number, number];
  };
  realm: string;
  /** Of time-limited credentials; two while one replaces the other. */
  secrets: readonly string[];
  /** Static users and their passwords, where there is no secret: coturn knows one or the other. */
  users: ReadonlyMap<string, string>;
  /** @default 'sha1', the only one that coturn knows */
  credentialAlgorithm?: CredentialAlgorithm;
  /** The longest that an allocation lives without a refresh. @default 3_600_000 */
  maxLifetimeMs?: number;
  limits: {
    allocationsPerUser: number;
    allocations: number;
    bytesPerSecondPerAllocation?: number | undefined;
    bytesPerSecond?: number | undefined;
    /** Answers to unauthenticated requests from one address over UDP. */
    challengesPerSecond?: number | undefined;
  };
  peers: {allow: readonly string[]; deny: readonly string[]};
}
