/**
 * All records of one name and type: the unit of DNS that is compared, replaced and deleted (RFC 2181 section 5), so
 * that it has one TTL.
 */
export interface RecordSet {
  /** Absolute, lower case, without the final dot. */
  readonly name: string;
  readonly type: string;
  readonly ttlSeconds: number;
  /**
   * The data of each record as in a zone file (RFC 1035 section 5.1), canonical: names absolute with the final dot,
   * character strings quoted, one space between fields; sorted, none twice.
   */
  readonly values: readonly string[];
  /** Behind Cloudflare's proxy, where that is the provider. */
  readonly proxied: boolean;
}

/** Strings of a TXT record hold this much (RFC 1035 section 3.3); longer text is cut into several. */
export const MAX_STRING_BYTES = 255;

/** Nothing to escape, and a byte a character: nearly every text. */
const PLAIN = /^[ !#-[\]-~]*$/;

const encoder = new TextEncoder();

export function recordSet(
  name: string,
  type: string,
  ttlSeconds: number,
  values: readonly string[],
  proxied = false,
): RecordSet {
  return {name, type, ttlSeconds, values: [...new Set(values)].toSorted(compareText), proxied};
}

/** One record by itself, as files and providers have them. */
export interface SingleRecord extends Pick<RecordSet, 'name' | 'type' | 'ttlSeconds'> {
  /** As in a RecordSet. */
  readonly value: string;
  readonly proxied?: boolean;
}

/**
 * Puts the records of one name and type together. Of different TTLs the lowest holds, as servers take it; where one
 * record is proxied, Cloudflare proxies them all (developers.cloudflare.com/dns/proxy-status).
 */
export function toRecordSets(records: Iterable<SingleRecord>): RecordSet[] {
  return [...Map.groupBy(records, setKey).values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const ttl = group.reduce((lowest, {ttlSeconds}) => Math.min(lowest, ttlSeconds), Infinity);
    const values = group.map(({value}) => value);
    return [
      recordSet(
        first.name,
        first.type,
        ttl,
        values,
        group.some(({proxied = false}) => proxied),
      ),
    ];
  });
}

/** What a set is found by. */
export function setKey({name, type}: Pick<RecordSet, 'name' | 'type'>): string {
  return `${name} ${type}`;
}

export function bySet(sets: readonly RecordSet[]): Map<string, RecordSet> {
  return new Map(sets.map((set) => [setKey(set), set]));
}

/** By code unit, the same on every machine. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

/** By name from the zone downwards, then by type. */
export function sortSets(sets: readonly RecordSet[]): RecordSet[] {
  const keyed = sets.map((set) => ({set, key: `${sortKey(set.name)}\u0000 ${set.type}`}));
  return keyed.toSorted((a, b) => compareText(a.key, b.key)).map(({set}) => set);
}

/** The data of a record, field by field, as text. */
export const rdata = {
  name: (target: string): string => `${target}.`,

  txt: (text: string): string => strings(text).map(quote).join(' '),

  srv: (record: {priority: number; weight: number; port: number; target: string}): string =>
    `${record.priority} ${record.weight} ${record.port} ${record.target}.`,

  /** RFC 3403; without a regular expression. */
  naptr: (record: {order: number; preference: number; flags: string; service: string; replacement: string}): string =>
    `${record.order} ${record.preference} ${quote(record.flags)} ${quote(record.service)} "" ${record.replacement}.`,

  /** RFC 8659. */
  caa: (tag: 'issue' | 'issuewild' | 'iodef', value: string): string => `0 ${tag} ${quote(value)}`,

  /** RFC 9460 in service mode; an empty target is the name itself. */
  https: (priority: number, parameters: readonly string[]): string => [priority, '.', ...parameters].join(' '),
};

/** A character string as a zone file has it. */
export function quote(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : quoteBytes(encoder.encode(text));
}

export function quoteBytes(bytes: Uint8Array): string {
  const escaped = Array.from(bytes, (byte) => {
    const character = String.fromCharCode(byte);
    if (character === '"' || character === '\\') return `\\${character}`;
    return byte < 0x20 || byte > 0x7e ? `\\${String(byte).padStart(3, '0')}` : character;
  });
  return `"${escaped.join('')}"`;
}

/** Cuts between characters, so that each string is valid UTF-8 by itself. */
function strings(text: string): string[] {
  if (text.length <= MAX_STRING_BYTES && PLAIN.test(text)) return [text];
  const parts: string[] = [];
  let part = '';
  let bytes = 0;
  for (const character of text) {
    const length = encoder.encode(character).length;
    if (bytes + length > MAX_STRING_BYTES) {
      parts.push(part);
      part = '';
      bytes = 0;
    }
    part += character;
    bytes += length;
  }
  return [...parts, part];
}

/** `relay10` after `relay9`, and a name after the one it is below. */
function sortKey(name: string): string {
  return name
    .split('.')
    .toReversed()
    .map((label) => label.replaceAll(/\d+/g, (digits) => digits.padStart(6, '0')))
    .join('\u0000');
}
