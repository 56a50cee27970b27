import type {RecordSet} from '../model/record-set.ts';

/** One step of a plan: what a set was and what it is to be; undefined where there is none. */
export interface Change {
  readonly before?: RecordSet;
  readonly after?: RecordSet;
}

/** Somebody who serves zones, and how to change them there. A plugin offers some through its hook `dns_providers`. */
export interface DnsProvider {
  /** As in `dns.provider`. */
  readonly name: string;
  /** Takes all changes at once or none, so that a plan needs no steps in which nothing is without an owner. @default false */
  readonly atomic?: boolean;
  /** The sets as this provider has them: without what it makes itself, with its own TTLs, marks it doesn't know dropped. */
  prepare(sets: readonly RecordSet[]): RecordSet[];
  /** Everything in the zone. Errors are QuiverErrors that say what to do. */
  read(zone: string, signal: AbortSignal): Promise<RecordSet[]>;
  /**
   * Carries changes out in their order, all or as many at a time as the provider takes; refuses a change whose
   * `before` is no longer so. Called again with what is left after a failure.
   */
  apply(zone: string, changes: readonly Change[], signal: AbortSignal): Promise<void>;
}
