import {splitFields, txtText} from '../model/fields.ts';
import {compareText, type RecordSet} from '../model/record-set.ts';
import {relativeName, type ZoneExport} from './zone-export.ts';

type Yaml = string | number | boolean | readonly Yaml[] | {readonly [key: string]: Yaml};

/**
 * octoDNS reads everything as one zone's YAML: records by name, several types of one name as a list. It refuses keys
 * that are not in its order, unless told otherwise.
 */
export function writeOctodns({zone, records, notes}: ZoneExport): string {
  const byName = Map.groupBy(records, ({name}) => relativeName(name, zone).replace('@', ''));
  const names = inOrder([...byName]).map(([name, sets]) => {
    const entries = sets.map(entry);
    return `${JSON.stringify(name)}:${block(entries.length === 1 && entries[0] ? entries[0] : entries, '  ')}\n`;
  });
  return [...notes.map((note) => `# ${note}\n`), ...names].join('');
}

/** By hand, as general writers take seconds for a big zone; strings as in JSON, which is YAML. */
function block(value: Yaml, indent: string): string {
  if (typeof value !== 'object') return ` ${JSON.stringify(value)}`;
  if (isList(value)) return value.map((each) => `\n${indent}-${item(each, `${indent}  `)}`).join('');
  const entries = inOrder(Object.entries(value));
  if (entries.length === 0) return ' {}';
  return entries.map(([key, each]) => `\n${indent}${key}:${block(each, `${indent}  `)}`).join('');
}

/** The first line of a list's item stands behind its dash. */
function item(value: Yaml, indent: string): string {
  return block(value, indent).replace(`\n${indent}`, ' ');
}

/** As people count: `relay2` before `relay10`. */
function inOrder<Value>(entries: readonly (readonly [string, Value])[]): (readonly [string, Value])[] {
  const keyed = entries.map((each) => ({
    each,
    key: each[0].replaceAll(/\d+/g, (digits) => `\u0000${digits.padStart(10, '0')}`),
  }));
  return keyed.toSorted((a, b) => compareText(a.key, b.key)).map(({each}) => each);
}

function isList(value: object): value is readonly Yaml[] {
  return Array.isArray(value);
}

function entry({type, ttlSeconds, values, proxied}: RecordSet): Yaml {
  const data = values.map((value) => content(type, value));
  return {
    ...(proxied && {octodns: {cloudflare: {proxied: true}}}),
    ttl: ttlSeconds,
    type,
    ...(data.length === 1 && data[0] !== undefined ? {value: data[0]} : {values: data}),
  };
}

function content(type: string, value: string): Yaml {
  const [a = '', b = '', c = '', d = '', e = '', f = ''] = splitFields(value).map(({text}) => text);
  switch (type) {
    case 'TXT':
      // It wants semicolons escaped, as in a zone file without quotes.
      return txtText(value).replaceAll(';', String.raw`\;`);
    case 'MX':
      return {preference: Number(a), exchange: b};
    case 'SRV':
      return {priority: Number(a), weight: Number(b), port: Number(c), target: d};
    case 'NAPTR':
      return {order: Number(a), preference: Number(b), flags: c, service: d, regexp: e, replacement: f};
    case 'CAA':
      return {flags: Number(a), tag: b, value: c};
    case 'HTTPS':
    case 'SVCB': {
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
