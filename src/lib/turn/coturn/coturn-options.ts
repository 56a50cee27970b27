import type {TurnServiceOptions} from '../turn-service.ts';

/**
 * The settings of a TURN server, as far as coturn knows them. It does not know: allocations of a user a minute, limits
 * on STUN requests, idle timeouts of TCP, SHA-256, RFC 5780 with two addresses of our choosing, and static users beside
 * a secret. It lets clients reach every port of an own relay address that is allowed, where our engines let them reach
 * relay ports only, and it learns of the machine's other addresses, which are no peers, at its start. From 4.13 on it never relays to link-local and unique local addresses, allowed or not.
 */
export interface CoturnOptions extends Pick<
  TurnServiceOptions,
  | 'listen'
  | 'relay'
  | 'realm'
  | 'secrets'
  | 'users'
  | 'peers'
  | 'credentialAlgorithm'
  | 'maxLifetimeMs'
  | 'admission'
  | 'limits'
  | 'certificatePollMs'
> {
  /**
   * Its configuration and database live in a folder in there while it runs, for this user only. What processes that
   * have ended left there is removed.
   */
  folder: string;
  /** Name on the PATH, or a path. @default 'turnserver' */
  program?: string;
  /** Run a version with known holes all the same. @default false */
  force?: boolean;
}
