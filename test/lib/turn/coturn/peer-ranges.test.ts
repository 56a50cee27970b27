import * as fc from 'fast-check';
import {describe, expect, it} from 'vitest';

import {ipText, parseCidr, parseIp, SPECIAL_PURPOSE} from '../../../../src/lib/core/ip-address.ts';
import {PeerRules} from '../../../../src/lib/turn/core/peer-rules.ts';
import {peerRanges} from '../../../../src/lib/turn/coturn/peer-ranges.ts';

/** ioa_addr_in_range, as 4.6.1 (byte by byte) and 4.17 (as one number) have it. */
function inRange(range: string, address: Uint8Array, byByte: boolean): boolean {
  const [first, last = first] = range.split('-').map((text) => parseIp(text)!.bytes);
  const isAny = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0);
  const lessOrEqual = (a: Uint8Array, b: Uint8Array): boolean => {
    if (a.length !== b.length) return a.length < b.length;
    return byByte && a.length === 16 ? a.every((byte, index) => byte <= b[index]!) : Buffer.compare(a, b) <= 0;
  };
  return (isAny(first!) || lessOrEqual(first!, address)) && (isAny(last!) || lessOrEqual(address, last!));
}

/** good_peer_addr: zero addresses never, then the allowed, then the denied. */
function coturnAllows(
  {allowed, denied}: {allowed: string[]; denied: string[]},
  address: string,
  byByte = true,
): boolean {
  const {bytes} = parseIp(address)!;
  if (bytes.length === 4 ? bytes[0] === 0 : bytes.every((byte) => byte === 0)) return false;
  const isIn = (range: string): boolean => inRange(range, bytes, byByte);
  return allowed.some(isIn) || !denied.some(isIn);
}

/** An address in a block or next to one, where mistakes would be. */
function near(cidr: string): fc.Arbitrary<string> {
  const {bytes, prefix} = parseCidr(cidr)!;
  const bits = BigInt(bytes.length * 8);
  const size = 1n << (bits - BigInt(prefix));
  const first = BigInt(`0x${Buffer.from(bytes).toString('hex')}`) & ~(size - 1n);
  const max = (1n << bits) - 1n;
  return fc
    .oneof(fc.constantFrom(first - 1n, first, first + size - 1n, first + size), fc.bigInt(first, first + size - 1n))
    .map((value) => {
      const inside = value < 0n ? 0n : value > max ? max : value;
      return ipText(Buffer.from(inside.toString(16).padStart(bytes.length * 2, '0'), 'hex'));
    });
}

const BLOCKS = [
  '10.0.0.0/8',
  '10.1.0.0/16',
  '10.1.2.3',
  '8.8.8.0/24',
  '8.8.8.8/32',
  '127.0.0.0/8',
  '224.0.0.0/4',
  '240.0.0.0/4',
  '255.255.255.255',
  'fd00::/8',
  'fd00:1::/32',
  '2001:4860::/32',
  '::ffff:192.168.0.0/112',
];
/** None with an end inside another but not at a block's end, which the byte by byte comparison makes smaller. */
const ALLOWED = BLOCKS.filter((block) => !block.includes(':'));
const address = fc.oneof(
  fc.ipV4(),
  fc.ipV6(),
  fc
    .constantFrom(
      ...SPECIAL_PURPOSE.map(({cidr}) => cidr),
      ...BLOCKS,
      '64:ff9b::7f00:1/128',
      '2002:7f00:1::/48',
      '::ffff:8.8.8.8/128',
    )
    .chain(near),
);

describe('our peer rules in coturn', () => {
  it('deny each special-purpose block, in whatever spelling', () => {
    const ranges = peerRanges({allow: [], deny: []});
    expect(ranges).toMatchObject({allowed: [], loopback: false});
    const peers = [
      '127.0.0.1',
      '::1',
      '0.0.0.0',
      '::',
      '10.0.0.1',
      '169.254.169.254',
      '224.0.0.1',
      '255.255.255.255',
      'fe80::1',
      'fd00::1',
      'ff02::1',
    ];
    const spellings = [
      '::ffff:127.0.0.1',
      '::127.0.0.1',
      '64:ff9b::7f00:1',
      '64:ff9b:1::7f00:1',
      '2002:7f00:1::',
      '2001:0:1::80ff:fffe',
      '::ffff:8.8.8.8',
    ];
    for (const peer of [...peers, ...spellings]) expect(coturnAllows(ranges, peer), peer).toBe(false);
    for (const peer of ['8.8.8.8', '1.1.1.1', '223.255.255.255', '2606:4700::1111', '2a00::1']) {
      expect(coturnAllows(ranges, peer), peer).toBe(true);
    }
  });

  it('say of every address what our own server says of it', () => {
    fc.assert(
      fc.property(fc.subarray(ALLOWED), fc.subarray(BLOCKS), address, fc.boolean(), (allow, deny, text, byByte) => {
        const own = new PeerRules({allow, deny, ownRelays: [], relayPorts: [1, 2]});
        const coturn = peerRanges({allow, deny});
        expect(coturnAllows(coturn, text, byByte)).toBe(own.ports(parseIp(text)!.bytes) !== undefined);
      }),
      {numRuns: 3_000},
    );
  });

  it('let loopback in only when it is allowed', () => {
    expect(peerRanges({allow: ['127.0.0.2'], deny: []}).loopback).toBe(true);
    expect(peerRanges({allow: ['::1'], deny: []}).loopback).toBe(true);
    expect(peerRanges({allow: ['127.0.0.2'], deny: ['127.0.0.0/8']})).toMatchObject({allowed: [], loopback: false});
    expect(peerRanges({allow: ['10.0.0.0/8'], deny: ['10.1.0.0/16']}).allowed).toEqual([
      '10.0.0.0-10.0.255.255',
      '10.2.0.0-10.255.255.255',
    ]);
  });

  it('let in neither multicast nor class E, whatever is allowed', () => {
    const ranges = peerRanges({allow: ['192.0.0.0/2', '240.0.0.0/4', 'ff00::/8'], deny: []});
    expect(ranges.allowed).toEqual(['192.0.0.0-223.255.255.255']);
    for (const peer of ['224.0.0.1', '240.0.0.1', '255.255.255.255', 'ff02::1']) {
      expect(coturnAllows(ranges, peer), peer).toBe(false);
    }
  });

  it('never become a range without an end', () => {
    const everything = peerRanges({allow: ['0.0.0.0', '::', '::/0'], deny: ['0.0.0.0/32', '::/128']});
    const edges = [...everything.allowed, ...everything.denied].flatMap((range) => range.split('-'));
    expect(edges).not.toContain('::');
    expect(edges.filter((edge) => edge === '0.0.0.0')).toHaveLength(1);
    expect(everything.denied).toContain('0.0.0.0-0.255.255.255');
    expect(coturnAllows(everything, '10.0.0.1')).toBe(false);
  });

  it('refuse what is no block', () => {
    expect(() => peerRanges({allow: ['10.0.0.0/33'], deny: []})).toThrow(
      expect.objectContaining({code: 'PEER_BLOCK'}) as Error,
    );
    expect(() => peerRanges({allow: [], deny: ['localhost']})).toThrow('localhost');
  });
});
