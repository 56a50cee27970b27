import {relativeName, type ZoneExport} from './zone-export.ts';

/** A zone file of RFC 1035 section 5: a line for each record, each name once. */
export function writeBind({zone, apex, records, notes}: ZoneExport): string {
  const sets = [...apex, ...records];
  const widest = sets.reduce((most, {name}) => Math.max(most, relativeName(name, zone).length), 0);
  let previous = '';
  const lines = sets.flatMap(({name, ttlSeconds, type, values}) =>
    values.map((value) => {
      const owner = name === previous ? '' : relativeName(name, zone);
      previous = name;
      return `${owner.padEnd(widest)} ${String(ttlSeconds).padStart(5)} IN ${type.padEnd(5)} ${value}`;
    }),
  );
  return [...notes.map((note) => `; ${note}`), `$ORIGIN ${zone}.`, ...lines, ''].join('\n');
}
