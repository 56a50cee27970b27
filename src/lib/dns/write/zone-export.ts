import type {RecordSet} from '../model/record-set.ts';

/** What every format is written from. */
export interface ZoneExport {
  zone: string;
  /** SOA, NS and their addresses: for formats that hold a whole zone. */
  apex: readonly RecordSet[];
  records: readonly RecordSet[];
  /** Said at the head of the file, a line each. */
  notes: readonly string[];
}

/** The name below its zone; `@` is the zone itself, and what is not below it stays absolute. */
export function relativeName(name: string, zone: string): string {
  if (name === zone) return '@';
  return name.endsWith(`.${zone}`) ? name.slice(0, -zone.length - 1) : `${name}.`;
}
