import {absoluteName} from '../model/domain-name.ts';
import type {SingleRecord} from '../model/record-set.ts';
import {typeName} from '../wire/rdata.ts';
import {canonicalData, ttlSeconds} from './canonical.ts';
import {readEntries, type Entry} from './tokens.ts';

/** One record of a file, before those of one name and type are put together. */
export interface ZoneRecord extends Required<SingleRecord> {
  readonly line: number;
}

export interface ZoneProblem {
  readonly line: number;
  readonly text: string;
  readonly why: string;
}

export interface ZoneFile {
  /** The owner of the SOA, else the first $ORIGIN, else what the records' names end with. */
  readonly zone: string;
  /** The file names its zone itself, by an SOA or $ORIGIN. */
  readonly isNamed: boolean;
  readonly records: readonly ZoneRecord[];
  readonly problems: readonly ZoneProblem[];
}

/** Files beyond it are not zones that a person or this program wrote. */
export const MAX_ZONE_BYTES = 16 * 1024 * 1024;

/** Of lines that can't be read: a file with more is none of a zone, and 16 MiB of it would be millions. */
export const MAX_PROBLEMS = 10_000;

/** Where a file gives neither a TTL nor a default, as Cloudflare's exports of proxied names do. */
const FALLBACK_TTL_SECONDS = 300;
const PROXIED = /cf_tags=\S*cf-proxied:true/;
const MAX_TYPE = 65_535;
/** IANA's mnemonics, and TYPE123 (RFC 3597). */
const TYPE = /^(?!(?:IN|CH|HS)$)[A-Z][A-Z0-9-]{0,15}$/i;

/**
 * Reads a zone file, BIND's or an export of Cloudflare's, in whatever encoding: DNS knows bytes. Never throws: what
 * can't be read is a problem with its line. Behind MAX_PROBLEMS of them it reads no further.
 * @param zone Canonical, as `readZone` gives it.
 */
export function readZoneFile(file: string | Uint8Array, zone?: string): ZoneFile {
  const records: ZoneRecord[] = [];
  const problems: ZoneProblem[] = [];
  let origin: string | undefined = zone ?? '';
  let firstOrigin: string | undefined;
  let defaultTtl: number | undefined;
  let owner: string | undefined;
  const report = ({line, text}: Entry, why: string): void =>
    void problems.push({line, text: fromBytes(text), why: fromBytes(why)});

  for (const entry of readEntries(toBytes(file))) {
    if (problems.length > MAX_PROBLEMS) break;
    const [first, second] = entry.tokens;
    if (first?.text.startsWith('$') && !entry.indented) {
      const [directive, count] = [first.text.toUpperCase(), entry.tokens.length];
      if (directive === '$ORIGIN' && entry.problem === undefined && count === 2) {
        origin = absoluteName(second?.text ?? '', origin);
        // The root is nobody's zone: name servers begin the files that they write with it.
        if (origin !== '') firstOrigin ??= origin;
        if (origin === undefined) report(entry, 'it is no name, so that those relative to it are none');
      } else if (directive === '$TTL' && entry.problem === undefined && count === 2) {
        defaultTtl = ttlSeconds(second?.text ?? '');
        if (defaultTtl === undefined) report(entry, 'it is no TTL');
      } else report(entry, entry.problem ?? `${first.text} is not followed`);
    } else {
      // Lines that begin with white space are about the one before also where that can't be read.
      if (!entry.indented) owner = absoluteName(first?.text ?? '', origin);
      const record = entry.problem === undefined ? readRecord(entry, owner, origin, defaultTtl) : {why: entry.problem};
      if ('why' in record) report(entry, record.why);
      else records.push(record);
    }
  }
  const soa = records.find(({type}) => type === 'SOA')?.name;
  const named = soa ?? firstOrigin;
  return {zone: zone ?? named ?? commonZone(records), isNamed: named !== undefined, records, problems};
}

function readRecord(
  entry: Entry,
  owner: string | undefined,
  origin: string | undefined,
  defaultTtl: number | undefined,
): ZoneRecord | {why: string} {
  const rest = entry.tokens.slice(entry.indented ? 0 : 1);
  let ttl: number | undefined;
  let at = 0;
  // TTL and class come in either order, and each may be missing.
  for (; at < 2; at += 1) {
    const text = rest[at]?.text ?? '';
    const seconds = ttl === undefined ? ttlSeconds(text) : undefined;
    if (seconds === undefined && !/^IN$/i.test(text)) break;
    ttl ??= seconds;
  }
  const type = rest[at]?.text ?? '';
  if (owner === undefined || owner === '') return {why: 'it has no name before it, or none that can be used'};
  if (!TYPE.test(type)) return {why: type === '' ? 'it has no type' : `"${type}" is not a type of the class IN`};
  const tokens = rest.slice(at + 1);
  const named = canonicalType(type);
  if (named === undefined) return {why: `${type} is no type`};
  const data = canonicalData(named, tokens, origin);
  if ('problem' in data) return {why: data.problem};
  return {
    line: entry.line,
    name: owner,
    type: named,
    ttlSeconds: ttl ?? defaultTtl ?? FALLBACK_TTL_SECONDS,
    value: data.value,
    proxied: PROXIED.test(entry.comment),
  };
}

/** `TYPE1` is A (RFC 3597 section 5). */
function canonicalType(type: string): string | undefined {
  const [, number] = /^TYPE(\d+)$/i.exec(type) ?? [];
  if (number === undefined) return type.toUpperCase();
  return Number(number) <= MAX_TYPE ? typeName(Number(number)) : undefined;
}

/** A character for each byte, without the mark that some editors begin a file with. */
function toBytes(file: string | Uint8Array): string {
  return Buffer.from(file)
    .toString('latin1')
    .replace(/^\u00EF\u00BB\u00BF/, '');
}

/** For people. */
function fromBytes(text: string): string {
  return Buffer.from(text, 'latin1').toString();
}

/** What all names end with, at least two labels of it; '' when there is no such thing. */
function commonZone(records: readonly ZoneRecord[]): string {
  let common: string[] | undefined;
  for (const {name} of records) {
    const labels = name.split('.').toReversed();
    const before: string[] = common ?? labels;
    const differs = before.findIndex((label, index) => label !== labels[index]);
    common = differs === -1 ? before : before.slice(0, differs);
  }
  return common === undefined || common.length < 2 ? '' : common.toReversed().join('.');
}
