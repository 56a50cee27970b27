import {createHash} from 'node:crypto';

import {splitFields, txtText} from '../model/fields.ts';
import type {RecordSet} from '../model/record-set.ts';
import {relativeName, type ZoneExport} from './zone-export.ts';

/** Enough that two records of one set never get the same name, few enough to be read. */
const HASH_CHARACTERS = 8;

type Hcl = string | number | boolean | {readonly [key: string]: Hcl};

/** A `cloudflare_dns_record` (provider 5) for each record, named by what it says, so that adding one renames none. */
export function writeTerraform({zone, records, notes}: ZoneExport): string {
  const resources = records.flatMap((set) =>
    set.values.map((value) => {
      const body = attributes(set, value);
      return `resource "cloudflare_dns_record" "${resourceName(set, value, zone)}" {\n${block(body, 1)}}\n`;
    }),
  );
  const variable = 'variable "zone_id" {\n  description = "Id of the zone at Cloudflare"\n  type        = string\n}\n';
  return [notes.map((note) => `# ${note}\n`).join('') + variable, ...resources].join('\n');
}

function attributes(set: RecordSet, value: string): Record<string, Hcl | Reference> {
  const {name, type, proxied, ttlSeconds} = set;
  return {
    zone_id: new Reference('var.zone_id'),
    name,
    type,
    ttl: proxied ? 1 : ttlSeconds,
    proxied,
    ...content(type, value),
  };
}

/** As the API wants it: some types in one text, others field by field. */
function content(type: string, value: string): Record<string, Hcl> {
  const [a = '', b = '', c = '', d = '', e = '', f = ''] = splitFields(value).map(({text}) => text);
  switch (type) {
    case 'CNAME':
      return {content: value.slice(0, -1)};
    case 'TXT':
      return {content: value === '' ? '""' : `"${txtText(value)}"`};
    case 'SRV':
      return {
        priority: Number(a),
        data: {priority: Number(a), weight: Number(b), port: Number(c), target: d.replace(/\.$/, '')},
      };
    case 'NAPTR':
      return {
        data: {
          order: Number(a),
          preference: Number(b),
          flags: c,
          service: d,
          regex: e,
          replacement: f.replace(/\.$/, ''),
        },
      };
    case 'CAA':
      return {data: {flags: Number(a), tag: b, value: c}};
    case 'HTTPS':
      return {data: {priority: Number(a), target: b, value: value.split(' ').slice(2).join(' ')}};
    default:
      return {content: value};
  }
}

/** An expression instead of a string. */
class Reference {
  readonly expression: string;

  constructor(expression: string) {
    this.expression = expression;
  }
}

function block(entries: Readonly<Record<string, Hcl | Reference>>, depth: number): string {
  const indent = '  '.repeat(depth);
  const widest = Math.max(...Object.keys(entries).map((key) => key.length));
  return Object.entries(entries)
    .map(([key, value]) => `${indent}${key.padEnd(widest)} = ${literal(value, depth)}\n`)
    .join('');
}

function literal(value: Hcl | Reference, depth: number): string {
  if (value instanceof Reference) return value.expression;
  if (typeof value === 'object') return `{\n${block(value, depth + 1)}${'  '.repeat(depth)}}`;
  // `${` and `%{` would begin a template.
  return typeof value === 'string' ? JSON.stringify(value).replaceAll(/[$%](?=\{)/g, '$&$&') : String(value);
}

function resourceName({name, type}: RecordSet, value: string, zone: string): string {
  const relative = relativeName(name, zone).replace('@', 'apex');
  const hash = createHash('sha256').update(value).digest('hex').slice(0, HASH_CHARACTERS);
  return `${relative}_${type}_${hash}`
    .toLowerCase()
    .replaceAll(/[^a-z0-9_-]/g, '_')
    .replace(/^(?=[\d-])/, '_');
}
