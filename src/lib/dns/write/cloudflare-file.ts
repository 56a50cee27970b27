import {EXIT, QuiverError} from '../../core/errors.ts';
import type {RecordSet} from '../model/record-set.ts';
import {forCloudflare} from './cloudflare-record.ts';
import type {ZoneExport} from './zone-export.ts';

/** Limits of Cloudflare (developers.cloudflare.com/dns: import-and-export, dns-record-types). */
const MAX_FILE_BYTES = 256 * 1024;
const MAX_SET_CHARACTERS = 8_192;

/**
 * What Cloudflare's import reads: absolute names, the mark of the proxy as a comment on each record, no SOA and no NS,
 * which it has itself. Throws DNS_TOO_BIG past its limits.
 */
export function writeCloudflareFile({records, notes}: ZoneExport): string {
  const sets = forCloudflare(records);
  const wide = sets.find(({values}) => values.join('').length > MAX_SET_CHARACTERS);
  if (wide !== undefined) {
    throw tooBig(`${wide.name} ${wide.type} has more than ${MAX_SET_CHARACTERS} characters`);
  }
  const file = [...notes.map((note) => `;; ${note}`), ...sets.flatMap(lines), ''].join('\n');
  if (Buffer.byteLength(file) > MAX_FILE_BYTES) throw tooBig('the file has more than 256 KiB');
  return file;
}

function lines({name, type, values, ttlSeconds, proxied}: RecordSet): string[] {
  return values.map((value) => `${name}.\t${ttlSeconds}\tIN\t${type}\t${value} ; cf_tags=cf-proxied:${proxied}`);
}

function tooBig(why: string): QuiverError {
  return new QuiverError({
    code: 'DNS_TOO_BIG',
    message: `Cloudflare's import can't take this zone: ${why}`,
    fix: 'Apply it through the API instead: quiver dns plan, with dns.provider cloudflare',
    exit: EXIT.usage,
  });
}
