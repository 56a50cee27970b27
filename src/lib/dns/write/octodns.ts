import {splitFields, txtText} from '../model/fields.ts';
import type {RecordSet} from '../model/record-set.ts';
import {relativeName, type ZoneExport} from './zone-export.ts';

/** octoDNS reads everything as one zone's YAML: records by name, several types of one name as a list. */
export async function writeOctodns({zone, records, notes}: ZoneExport): Promise<string> {
  const {stringify} = await import('yaml');
  const byName = Map.groupBy(records, ({name}) => relativeName(name, zone).replace('@', ''));
  const names = Object.fromEntries(
    [...byName].map(([name, sets]) => [name, sets.length === 1 && sets[0] ? entry(sets[0]) : sets.map(entry)]),
  );
  return notes.map((note) => `# ${note}\n`).join('') + stringify(names, {lineWidth: 0});
}

function entry({type, ttlSeconds, values, proxied}: RecordSet): object {
  const data = values.map((value) => content(type, value));
  return {
    ...(proxied && {octodns: {cloudflare: {proxied: true}}}),
    ttl: ttlSeconds,
    type,
    ...(data.length === 1 ? {value: data[0]} : {values: data}),
  };
}

function content(type: string, value: string): string | object {
  const [a = '', b = '', c = '', d = '', e = '', f = ''] = splitFields(value).map(({text}) => text);
  switch (type) {
    case 'TXT':
      // It wants semicolons escaped, as in a zone file without quotes.
      return txtText(value).replaceAll(';', String.raw`\;`);
    case 'SRV':
      return {priority: Number(a), weight: Number(b), port: Number(c), target: d};
    case 'NAPTR':
      return {order: Number(a), preference: Number(b), flags: c, service: d, regexp: e, replacement: f};
    case 'CAA':
      return {flags: Number(a), tag: b, value: c};
    case 'HTTPS': {
      const parameters = value.split(' ').slice(2);
      const svcparams = Object.fromEntries(
        parameters.map((parameter) => {
          const [key = '', list = ''] = parameter.split('=', 2);
          return [key, list.split(',')];
        }),
      );
      return {svcpriority: Number(a), targetname: b, svcparams};
    }
    default:
      return value;
  }
}
