import {splitFields} from '../model/fields.ts';
import {setKey, type RecordSet, toRecordSets} from '../model/record-set.ts';
import {type ZoneRecord} from '../read/zone-file.ts';
import {lintDnsaddr} from './dnsaddr.ts';
import type {Finding} from './finding.ts';
import {lintSets} from './sets.ts';
import {lintTargets} from './targets.ts';

/** Of values in a message. */
const MAX_NAMED = 5;

/** What is wrong with the sets of a zone; empty when nothing is. */
export function lintZone(zone: string, sets: readonly RecordSet[]): Finding[] {
  const lintedZone = {zone, sets, byName: Map.groupBy(sets, ({name}) => name)};
  return [...lintSets(lintedZone), ...lintTargets(lintedZone), ...lintDnsaddr(lintedZone)];
}

/** What is wrong with a zone file: besides the above what is only to be seen in its text. */
export function lintZoneFile(zone: string, records: readonly ZoneRecord[]): Finding[] {
  const lines = new Map(records.map((record) => [setKey(record), record.line]));
  const sets = lintZone(zone, toRecordSets(records)).map((finding) => {
    const line = lines.get(setKey(finding));
    return {...finding, ...(line !== undefined && {line})};
  });
  return [...sets, ...[...Map.groupBy(records, setKey).values()].flatMap(lintSet), ...lintDots(zone, records)];
}

/** TTLs that differ, and the same record twice. */
function lintSet(records: readonly ZoneRecord[]): Finding[] {
  const [first] = records;
  if (first === undefined) return [];
  const {name, type, line, ttlSeconds} = first;
  const ttls = new Set(records.map((record) => record.ttlSeconds));
  const sorted = [...ttls].toSorted((a, b) => a - b);
  const named = sorted.length > MAX_NAMED ? [...sorted.slice(0, MAX_NAMED), 'others'] : sorted;
  const mixed: Finding = {
    rule: 'mixed-ttl',
    name,
    type,
    line,
    message: `has the TTLs ${named.join(' and ')}, and a set has one`,
    fix: `Give all of them ${sorted[0] ?? ttlSeconds}.`,
  };
  const seen = new Set<string>();
  const repeated = records.filter(({value}) => seen.size === seen.add(value).size);
  return [
    ...(ttls.size > 1 ? [mixed] : []),
    ...repeated.map((record) => ({
      rule: 'duplicate' as const,
      name,
      type,
      line: record.line,
      message: `${record.value} is there twice`,
      fix: 'Keep one of them.',
    })),
  ];
}

/** A name that ends like the zone, without the dot that would stop the zone from being put behind it once more. */
function lintDots(zone: string, records: readonly ZoneRecord[]): Finding[] {
  const twice = `${zone}.${zone}.`;
  return records.flatMap(({name, type, line, value}) =>
    [`${name}.`, ...splitFields(value).flatMap(({text, quoted}) => (quoted ? [] : [text]))]
      .filter((text) => text === twice || text.endsWith(`.${twice}`))
      .map((text) => text.slice(0, -zone.length - 2))
      .map((text) => ({
        rule: 'missing-dot' as const,
        name,
        type,
        line,
        message: `"${text}" means ${text}.${zone}, as it doesn't end with a dot`,
        fix: `Write ${text}.`,
      })),
  );
}
