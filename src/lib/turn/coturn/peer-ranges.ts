import {ipText, parseCidr, SPECIAL_PURPOSE} from '../../core/ip-address.ts';
import {QuiverError, EXIT} from '../../core/errors.ts';
import {NEVER_PEERS} from '../core/peer-rules.ts';

/** First and last address of a run of them, both in it, as whole numbers. */
interface Range {
  family: 4 | 6;
  first: bigint;
  last: bigint;
}

/** `::ffff:0:0/96`: where IPv6 keeps IPv4 (RFC 4291 section 2.5.5.2). */
const MAPPED = 0xffffn << 32n;
const MAPPED_PREFIX = 96;
const IPV6_BYTES = 16;
const LOOPBACK = [rangeOf('127.0.0.0/8'), rangeOf('::1/128')];

export interface PeerRanges {
  /** `first-last`, for `allowed-peer-ip`, which wins over `denied-peer-ip`. */
  allowed: string[];
  /** For `denied-peer-ip`. */
  denied: string[];
  /** Whether loopback addresses are among those allowed. */
  loopback: boolean;
}

/**
 * Our peer rules as coturn has them: what IANA lists as special-purpose is denied, all that carries IPv4 inside IPv6
 * with it, so that no other spelling of an address gets round a rule. Since coturn lets an allowed range win and we a
 * denied one, what is denied, and what is never a peer, is cut out of what is allowed.
 * @param own addresses of this machine that it doesn't relay from, which are peers only where they are allowed
 */
export function peerRanges(
  {allow, deny}: {allow: readonly string[]; deny: readonly string[]},
  own: readonly string[] = [],
): PeerRanges {
  const denied = deny.map(rangeOf);
  const holes = [...denied, ...NEVER_PEERS.map(rangeOf)];
  const allowed = allow.map(rangeOf).flatMap((range) => without(range, holes));
  const special = SPECIAL_PURPOSE.map(({cidr}) => blockOf(cidr));
  return {
    allowed: outermost(allowed).flatMap(fromOne).map(rangeText),
    denied: outermost([...special, ...denied, ...own.map(rangeOf)])
      .flatMap(fromOne)
      .map(rangeText),
    loopback: allowed.some((range) => LOOPBACK.some((block) => overlap(range, block))),
  };
}

/**
 * To coturn a range that begins or ends with the unspecified address has no end there, and one of IPv6 without an end
 * takes all of IPv4 in. So `::`, which is never a peer, is left out. Older versions compare byte by byte, each
 * within its own two bounds, so that a range which begins elsewhere than a block does is several: all addresses with
 * anything in the last byte, all with anything in the one before it, and so on.
 */
function fromOne(range: Range): Range[] {
  if (range.first !== 0n) return [range];
  if (range.family === 4) return range.last === 0n ? [] : [range];
  const firsts = Array.from({length: IPV6_BYTES}, (_, index) => 1n << BigInt(8 * index));
  return firsts.filter((first) => first <= range.last).map((first) => ({...range, first}));
}

/** A block as it is written. */
function blockOf(cidr: string): Range & {prefix: number} {
  const block = parseCidr(cidr);
  if (block === undefined) throw noBlock(cidr);
  const {family, bytes, prefix} = block;
  const address = BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
  const hostBits = BigInt(bytes.length * 8 - prefix);
  const first = (address >> hostBits) << hostBits;
  return {family, prefix, first, last: first + (1n << hostBits) - 1n};
}

/** A block of v4-mapped addresses is the IPv4 block, as in `CidrSet`. */
function rangeOf(cidr: string): Range {
  const {family, prefix, first, last} = blockOf(cidr);
  const mapped = family === 6 && prefix >= MAPPED_PREFIX && first >> 32n === MAPPED >> 32n;
  return mapped ? {family: 4, first: first - MAPPED, last: last - MAPPED} : {family, first, last};
}

function without(range: Range, holes: readonly Range[]): Range[] {
  let rest = [range];
  for (const hole of holes) {
    rest = rest.flatMap((part) => {
      if (!overlap(part, hole)) return [part];
      return [
        {...part, last: hole.first - 1n},
        {...part, first: hole.last + 1n},
      ].filter(({first, last}) => first <= last && first >= part.first && last <= part.last);
    });
  }
  return rest;
}

function overlap(a: Range, b: Range): boolean {
  return a.family === b.family && a.first <= b.last && b.first <= a.last;
}

/** In order, IPv4 before IPv6, without those inside another. */
function outermost(ranges: readonly Range[]): Range[] {
  const sorted = ranges.toSorted((a, b) => a.family - b.family || compare(a.first, b.first) || compare(b.last, a.last));
  const kept: Range[] = [];
  for (const range of sorted) {
    const before = kept.at(-1);
    if (before === undefined || before.family !== range.family || range.last > before.last) kept.push(range);
  }
  return kept;
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function rangeText({family, first, last}: Range): string {
  return first === last ? addressText(family, first) : `${addressText(family, first)}-${addressText(family, last)}`;
}

function addressText(family: 4 | 6, address: bigint): string {
  return ipText(Buffer.from(address.toString(16).padStart(family === 4 ? 8 : 32, '0'), 'hex'));
}

function noBlock(text: string): QuiverError {
  return new QuiverError({
    code: 'PEER_BLOCK',
    message: `${JSON.stringify(text)} is no block of addresses`,
    fix: 'Write it like 10.0.0.0/8, 2001:db8::/32 or one address.',
    exit: EXIT.usage,
  });
}
