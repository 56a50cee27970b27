import {createHash} from 'node:crypto';

import type {RecordSet} from '../model/record-set.ts';
import {cloudflareContent, forCloudflare} from './cloudflare-record.ts';
import {relativeName, type ZoneExport} from './zone-export.ts';

/** Enough that two records of one set never get the same name, few enough to be read. */
const HASH_CHARACTERS = 8;

type Hcl = string | number | boolean | {readonly [key: string]: Hcl};

/** A `cloudflare_dns_record` (provider 5) for each record, named by what it says, so that adding one renames none. */
export function writeTerraform({zone, records, notes}: ZoneExport): string {
  const resources = forCloudflare(records).flatMap((set) =>
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
    ttl: ttlSeconds,
    proxied,
    ...cloudflareContent(type, value),
  };
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
