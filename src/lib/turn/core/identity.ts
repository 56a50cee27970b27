import type {PasswordAlgorithm} from '../../stun/integrity.ts';
import type {Signature} from './responder.ts';

/** Who made a request, and with what it was signed. */
export interface Identity extends Signature {
  /** USERNAME as it came. */
  readonly username: Uint8Array;
  /** What quotas count: without the expiry of a time-limited credential. */
  readonly user: string;
  readonly passwordAlgorithm: PasswordAlgorithm;
}
