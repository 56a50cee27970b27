import {SPECIAL_PURPOSE} from './special-purpose.ts';

export {SPECIAL_PURPOSE};

export interface IpAddress {
  family: 4 | 6;
  /** Network order, 4 or 16 bytes. */
  bytes: Uint8Array;
}

export interface Cidr extends IpAddress {
  prefix: number;
}

/** First and last address of a block, both in it. */
interface Range {
  first: Uint8Array;
  last: Uint8Array;
}

const GROUPS = 8;
/** The longest text is `ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255`. */
const MAX_TEXT_LENGTH = 45;

/**
 * Reads `203.0.113.7` or `2001:db8::7`; undefined for anything else, also for a leading zero, a zone (`%eth0`),
 * brackets, hexadecimal or a shortened IPv4. (RFC 4291 section 2.2, RFC 6943 section 3.1.1)
 */
export function parseIp(text: string): IpAddress | undefined {
  if (text.length > MAX_TEXT_LENGTH) return undefined;
  const four = text.includes(':') ? undefined : parseFour(text);
  if (four !== undefined) return {family: 4, bytes: four};
  const six = parseSix(text);
  return six === undefined ? undefined : {family: 6, bytes: six};
}

/** The canonical text of 4 or 16 bytes (RFC 5952); another length is a RangeError. */
export function ipText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  if (bytes.length !== 16) throw new RangeError('An IP address has 4 or 16 bytes');
  if (startsWith(bytes, MAPPED)) return `::ffff:${bytes.subarray(12).join('.')}`;
  const groups = Array.from({length: GROUPS}, (_, index) => (at(bytes, index * 2) << 8) | at(bytes, index * 2 + 1));
  const {start, length} = longestZeroRun(groups);
  const hex = groups.map((group) => group.toString(16));
  if (length < 2) return hex.join(':');
  return `${hex.slice(0, start).join(':')}::${hex.slice(start + length).join(':')}`;
}

const MAPPED = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];
const MAPPED_BITS = 96;
const COMPATIBLE = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
const NAT64 = [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0];
const NAT64_LOCAL = [0, 0x64, 0xff, 0x9b, 0, 1];
const SIX_TO_FOUR = [0x20, 0x02];
const TEREDO = [0x20, 0x01, 0, 0];

/**
 * The IPv4 address that an IPv6 address stands for, else the bytes as they are: v4-mapped and v4-compatible
 * (RFC 4291), NAT64 (RFC 6052, RFC 8215), 6to4 (RFC 3056), and Teredo's client (RFC 4380).
 */
export function unmap(bytes: Uint8Array): Uint8Array {
  if (bytes.length !== 16) return bytes;
  if (startsWith(bytes, MAPPED) || startsWith(bytes, NAT64)) return bytes.subarray(12);
  if (startsWith(bytes, COMPATIBLE)) return isUnspecifiedOrLoopback(bytes) ? bytes : bytes.subarray(12);
  if (startsWith(bytes, NAT64_LOCAL)) return insideLocalNat64(bytes);
  if (startsWith(bytes, SIX_TO_FOUR)) return bytes.subarray(2, 6);
  if (startsWith(bytes, TEREDO)) return bytes.subarray(12).map((byte) => byte ^ 0xff);
  return bytes;
}

/**
 * Addresses given as blocks: `10.0.0.0/8`, `2001:db8::/32`, or one address alone. Bits behind the prefix are ignored.
 * Compares numbers and never text; an IPv6 block of v4-mapped addresses is the IPv4 block. Call `unmap` before `has`
 * where an address comes from outside. A word that is no block is a RangeError that names it.
 */
export class CidrSet {
  readonly #four: readonly Range[];
  readonly #six: readonly Range[];

  constructor(cidrs: readonly string[]) {
    const blocks = cidrs.map((cidr) => asFour(blockOf(cidr)));
    this.#four = outermost(blocks.filter(({family}) => family === 4).map(toRange));
    this.#six = outermost(blocks.filter(({family}) => family === 6).map(toRange));
  }

  /** Whether 4 or 16 bytes are an address in one of the blocks. */
  has(bytes: Uint8Array): boolean {
    const ranges = bytes.length === 4 ? this.#four : bytes.length === 16 ? this.#six : [];
    let low = 0;
    let high = ranges.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const range = ranges[middle];
      if (range === undefined) return false;
      if (compare(bytes, range.first) < 0) high = middle - 1;
      else if (compare(bytes, range.last) > 0) low = middle + 1;
      else return true;
    }
    return false;
  }
}

/** `::ffff:0:0/96`, how a socket for both families shows an IPv4 caller (RFC 4291 section 2.5.5.2). */
const MAPPED_HEAD = Buffer.from('00000000000000000000ffff', 'hex');

/**
 * The address at the other end of a socket, 4 or 16 bytes, its zone left out; undefined for what has none. Only the
 * mapped form is taken for IPv4: a stranger behind a tunnel may have one of the others, which would make loopback of it.
 */
export function socketIp(address: string | undefined): Uint8Array | undefined {
  const bytes = parseIp(address?.split('%')[0] ?? '')?.bytes;
  if (bytes === undefined) return undefined;
  return MAPPED_HEAD.equals(bytes.subarray(0, MAPPED_HEAD.length)) ? bytes.subarray(MAPPED_HEAD.length) : bytes;
}

/** Reads `10.0.0.0/8`, or one address as a block of its own; undefined for anything else. */
export function parseCidr(text: string): Cidr | undefined {
  const [word = '', prefixText, ...more] = text.split('/');
  const address = parseIp(word);
  if (address === undefined || more.length > 0) return undefined;
  const bits = address.bytes.length * 8;
  if (prefixText !== undefined && !/^(?:0|[1-9]\d{0,2})$/.test(prefixText)) return undefined;
  const prefix = prefixText === undefined ? bits : Number(prefixText);
  if (prefix > bits) return undefined;
  return {...address, prefix};
}

/** Narrow blocks first, so that the name found is the one that says most. */
function sortRanges(): {name: string; range: ReturnType<typeof toRange>}[] {
  return SPECIAL_PURPOSE.map(({cidr, name}) => ({name, cidr: blockOf(cidr)}))
    .toSorted((a, b) => b.cidr.prefix - a.cidr.prefix)
    .map(({name, cidr}) => ({name, range: toRange(cidr)}));
}

/** Made on first use: the settings, which every command loads, need only the parsers above. */
let specialRanges: ReturnType<typeof sortRanges> | undefined;

/**
 * The name of the special-purpose block that an address is in, by the IPv4 inside or as the IPv6 that it is;
 * undefined for an ordinary public address.
 */
export function isSpecialPurpose(bytes: Uint8Array): string | undefined {
  const inside = unmap(bytes);
  return specialName(inside) ?? (inside === bytes ? undefined : specialName(bytes));
}

function specialName(bytes: Uint8Array): string | undefined {
  specialRanges ??= sortRanges();
  return specialRanges.find(({range}) => isWithin(bytes, range))?.name;
}

function parseFour(text: string): Uint8Array | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  const bytes = new Uint8Array(4);
  for (const [index, part] of parts.entries()) {
    if (!/^(?:0|[1-9]\d{0,2})$/.test(part) || Number(part) > 0xff) return undefined;
    bytes[index] = Number(part);
  }
  return bytes;
}

function parseSix(text: string): Uint8Array | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const head = readGroups(halves[0] ?? '', halves.length === 1);
  const tail = readGroups(halves[1] ?? '', true);
  if (head === undefined || tail === undefined) return undefined;
  const missing = 16 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 2) return undefined;
  return Uint8Array.from([...head, ...Array.from({length: missing}, () => 0), ...tail]);
}

/** The bytes of `db8:0:7` or, where it may end so, `ffff:203.0.113.7`. */
function readGroups(text: string, mayEndInFour: boolean): number[] | undefined {
  if (text === '') return [];
  const bytes: number[] = [];
  const words = text.split(':');
  for (const [index, word] of words.entries()) {
    const four = mayEndInFour && index === words.length - 1 && word.includes('.') ? parseFour(word) : undefined;
    if (four !== undefined) bytes.push(...four);
    else if (/^[\da-fA-F]{1,4}$/.test(word))
      bytes.push(Number.parseInt(word, 16) >> 8, Number.parseInt(word, 16) & 0xff);
    else return undefined;
  }
  return bytes;
}

function longestZeroRun(groups: readonly number[]): {start: number; length: number} {
  let best = {start: 0, length: 0};
  for (let start = 0; start < groups.length; start++) {
    let length = 0;
    while (groups[start + length] === 0) length++;
    if (length > best.length) best = {start, length};
  }
  return best;
}

/** A network may put the IPv4 behind a prefix of 48 bits, around the zero byte 8, or in the last 32 bits (RFC 6052). */
function insideLocalNat64(bytes: Uint8Array): Uint8Array {
  const last = bytes.subarray(12);
  if (last.some((byte) => byte !== 0)) return last;
  return Uint8Array.of(at(bytes, 6), at(bytes, 7), at(bytes, 9), at(bytes, 10));
}

function isUnspecifiedOrLoopback(bytes: Uint8Array): boolean {
  return at(bytes, 12) === 0 && at(bytes, 13) === 0 && at(bytes, 14) === 0 && at(bytes, 15) <= 1;
}

function blockOf(cidr: string): Cidr {
  const block = parseCidr(cidr);
  if (block === undefined) throw new RangeError(`"${cidr}" is not an address block such as 10.0.0.0/8`);
  return block;
}

/** Operators may write `::ffff:10.0.0.0/104`, while what is looked up is IPv4 by then. */
function asFour(block: Cidr): Cidr {
  if (block.family === 4 || block.prefix < MAPPED_BITS || !startsWith(block.bytes, MAPPED)) return block;
  return {family: 4, bytes: block.bytes.subarray(12), prefix: block.prefix - MAPPED_BITS};
}

function toRange({bytes, prefix}: Cidr): Range {
  const mask = (index: number) => 0xff >> Math.min(8, Math.max(0, prefix - index * 8));
  return {
    first: bytes.map((byte, index) => byte & ~mask(index)),
    last: bytes.map((byte, index) => byte | mask(index)),
  };
}

/** In order, and without one inside another. (Two blocks are apart or one holds the other.) */
function outermost(ranges: readonly Range[]): Range[] {
  const sorted = ranges.toSorted((a, b) => compare(a.first, b.first) || compare(b.last, a.last));
  const kept: Range[] = [];
  for (const range of sorted) {
    const before = kept.at(-1);
    if (before === undefined || compare(range.first, before.last) > 0) kept.push(range);
  }
  return kept;
}

function isWithin(bytes: Uint8Array, {first, last}: Range): boolean {
  return bytes.length === first.length && compare(bytes, first) >= 0 && compare(bytes, last) <= 0;
}

/** Numeric order of two addresses of one family. */
function compare(a: Uint8Array, b: Uint8Array): number {
  for (let index = 0; index < a.length; index++) {
    const difference = at(a, index) - at(b, index);
    if (difference !== 0) return difference;
  }
  return 0;
}

function startsWith(bytes: Uint8Array, prefix: readonly number[]): boolean {
  return prefix.every((byte, index) => bytes[index] === byte);
}

function at(bytes: Uint8Array, index: number): number {
  return bytes[index] ?? 0;
}
