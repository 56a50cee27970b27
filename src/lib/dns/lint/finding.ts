import type {RecordSet} from '../model/record-set.ts';

export type LintRule =
  | 'cname-beside-others'
  | 'dangling-target'
  | 'dnsaddr'
  | 'duplicate'
  | 'foreign-bootstrap'
  | 'missing-dot'
  | 'mixed-ttl'
  | 'not-proxiable'
  | 'private-address'
  | 'target-is-alias';

/** Something about a zone that servers take without a word, and users trip over. */
export interface Finding {
  rule: LintRule;
  name: string;
  type: string;
  /** Of the file, where there is one. */
  line?: number;
  message: string;
  /** What to write instead. */
  fix: string;
}

/** What rules look at: the sets of a zone, found by name and by name and type. */
export interface LintZone {
  readonly zone: string;
  readonly sets: readonly RecordSet[];
  readonly byName: ReadonlyMap<string, readonly RecordSet[]>;
}
