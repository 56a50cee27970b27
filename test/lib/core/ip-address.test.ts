import {isIP} from 'node:net';

import * as fc from 'fast-check';
import {describe, expect, it} from 'vitest';

import {
  CidrSet,
  ipText,
  isSpecialPurpose,
  parseCidr,
  parseIp,
  SPECIAL_PURPOSE,
  unmap,
} from '../../../src/lib/core/ip-address.ts';

const bytesOf = (text: string): Uint8Array => {
  const address = parseIp(text);
  if (address === undefined) throw new Error(`${text} is not an address`);
  return address.bytes;
};
const numberOf = (bytes: Uint8Array): bigint => bytes.reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);
const addressOf = (value: bigint, length: number): Uint8Array =>
  Uint8Array.from({length}, (_, index) => Number((value >> BigInt(8 * (length - 1 - index))) & 0xffn));

interface Block {
  length: 4 | 16;
  first: bigint;
  last: bigint;
}

/** What a block holds, in the simplest way: whole numbers, from a text that only the standard library has read. */
function blockOf(cidr: string): Block {
  const [word, prefix] = cidr.split('/');
  const length = isIP(word!) === 4 ? 4 : 16;
  const size = 1n << BigInt(length * 8 - Number(prefix));
  const first = (wholeOf(word!) / size) * size;
  return {length, first, last: first + size - 1n};
}

function wholeOf(text: string): bigint {
  if (isIP(text) === 4) return text.split('.').reduce((sum, part) => sum * 256n + BigInt(part), 0n);
  // The URL parser turns a dotted end into groups of hexadecimal digits.
  const [head = '', tail] = new URL(`http://[${text}]/`).hostname.slice(1, -1).split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const groups = [...left, ...Array.from({length: 8 - left.length - right.length}, () => '0'), ...right];
  return groups.reduce((sum, group) => sum * 65_536n + BigInt(`0x${group}`), 0n);
}

const four = fc.uint8Array({minLength: 4, maxLength: 4});
/** Runs of zeros and ones are where texts and ranges go wrong. */
const six = fc
  .array(fc.oneof(fc.constant(0), fc.constant(0xffff), fc.integer({min: 0, max: 0xffff})), {minLength: 8, maxLength: 8})
  .map((groups) => Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff])));
const address = fc.oneof(four, six);

describe('parseIp and ipText', () => {
  it('give back every address', () => {
    fc.assert(
      fc.property(address, (bytes) => {
        expect(parseIp(ipText(bytes))?.bytes).toEqual(bytes);
      }),
    );
  });

  it('write IPv6 as the URL standard does, but for v4-mapped, which RFC 5952 writes with dots', () => {
    fc.assert(
      fc.property(six, (bytes) => {
        const text = ipText(bytes);
        expect(isIP(text)).toBe(6);
        if (!text.includes('.')) expect(`[${text}]`).toBe(new URL(`http://[${text}]/`).hostname);
      }),
    );
    expect(ipText(bytesOf('::ffff:7f00:1'))).toBe('::ffff:127.0.0.1');
    expect(ipText(bytesOf('1:0:0:2:0:0:0:3'))).toBe('1:0:0:2::3');
    expect(ipText(bytesOf('1:0:0:2:3:0:0:4'))).toBe('1::2:3:0:0:4');
    expect(ipText(bytesOf('1:0:2:3:4:5:6:7'))).toBe('1:0:2:3:4:5:6:7');
  });

  it('reads exactly what the standard library does, without zones', () => {
    const pieces = fc.constantFrom(
      ':',
      '::',
      '.',
      '0',
      '1',
      'ff',
      'FFFF',
      '00001',
      '255',
      '256',
      '127.0.0.1',
      'g',
      ' ',
      '',
    );
    const word = fc.array(pieces, {maxLength: 17}).map((parts) => parts.join(''));
    fc.assert(
      fc.property(fc.oneof(word, address.map(ipText)), (text) => {
        expect(parseIp(text)?.family ?? 0).toBe(isIP(text));
      }),
      {numRuns: 5000},
    );
  });

  it.each([
    ['127.1'],
    ['2130706433'],
    ['0x7f.0.0.1'],
    ['0177.0.0.1'],
    ['127.0.0.01'],
    ['127.0.0.1.'],
    [' 127.0.0.1'],
    ['1.2.3'],
    ['fe80::1%eth0'],
    ['[::1]'],
    ['::1::'],
    [':::'],
    ['1:2:3:4:5:6:7:8:9'],
    ['1:2:3:4:5:6:7::8:9'],
    ['127.0.0.1::'],
    ['::1.2.3.4:5'],
    ['12345::'],
    ['::ffff:256.0.0.1'],
    [''],
  ])('takes no %j', (text) => expect(parseIp(text)).toBeUndefined());
});

describe('CidrSet', () => {
  const cidr = address.chain((bytes) =>
    fc.integer({min: 0, max: bytes.length * 8}).map((prefix) => `${ipText(bytes)}/${prefix}`),
  );
  /** A block of v4-mapped addresses means IPv4, of which there is a test of its own. */
  const plain = cidr.filter((text) => !text.startsWith('::ffff:') || !text.includes('.'));

  it('has what the whole numbers say, at both ends of each block, next to them and anywhere', () => {
    fc.assert(
      fc.property(fc.array(plain, {minLength: 1, maxLength: 12}), address, (cidrs, anywhere) => {
        const set = new CidrSet(cidrs);
        const blocks = cidrs.map(blockOf);
        const near = blocks.flatMap(({length, first, last}) => {
          const all = 1n << BigInt(length * 8);
          return [first - 1n, first, last, last + 1n].map((value) => addressOf((value + all) % all, length));
        });
        for (const bytes of [...near, anywhere]) {
          const value = numberOf(bytes);
          const expected = blocks.some((b) => b.length === bytes.length && value >= b.first && value <= b.last);
          expect(set.has(bytes)).toBe(expected);
        }
      }),
      {numRuns: 2000},
    );
  });

  it('takes a block of v4-mapped addresses as the IPv4 block', () => {
    const set = new CidrSet(['::ffff:10.0.0.0/104']);
    expect(set.has(bytesOf('10.1.2.3'))).toBe(true);
    expect(set.has(bytesOf('11.0.0.0'))).toBe(false);
  });

  it('takes a lone address, and has nothing of a length that no address has', () => {
    const set = new CidrSet(['192.0.2.1', '::/0']);
    expect(set.has(bytesOf('192.0.2.1'))).toBe(true);
    expect(set.has(bytesOf('192.0.2.2'))).toBe(false);
    for (const length of [0, 3, 5, 15, 17]) expect(set.has(new Uint8Array(length))).toBe(false);
    expect(new CidrSet([]).has(bytesOf('192.0.2.1'))).toBe(false);
  });

  it.each(['10.0.0.0/33', '::/129', '10.0.0.0/', '10.0.0.0/08', '10.0.0.0/-1', '10.0.0.0/8/8', '10/8', 'all', ''])(
    'names the word %j, which is no block',
    (word) => {
      expect(parseCidr(word)).toBeUndefined();
      expect(() => new CidrSet([word])).toThrow(`"${word}" is not an address block`);
    },
  );
});

describe('special-purpose addresses', () => {
  const blocks = SPECIAL_PURPOSE.map((entry) => ({...entry, ...blockOf(entry.cidr)}));
  const isInOne = (value: bigint, length: number): boolean =>
    blocks.some((block) => block.length === length && value >= block.first && value <= block.last);

  it.each(SPECIAL_PURPOSE.map(({cidr, name}) => [cidr, name]))(
    'are at both ends of %s (%s), and not beside it',
    (cidr) => {
      const {length, first, last} = blockOf(cidr);
      expect(isSpecialPurpose(addressOf(first, length))).toBeDefined();
      expect(isSpecialPurpose(addressOf(last, length))).toBeDefined();
      for (const beside of [first - 1n, last + 1n]) {
        if (beside < 0n || beside >= 1n << BigInt(length * 8)) continue;
        const bytes = addressOf(beside, length);
        const expected = isInOne(beside, length) || isInOne(numberOf(unmap(bytes)), unmap(bytes).length);
        expect(isSpecialPurpose(bytes) !== undefined, ipText(bytes)).toBe(expected);
      }
    },
  );

  it('are named after the narrowest block', () => {
    expect(isSpecialPurpose(bytesOf('0.0.0.0'))).toBe('This host on this network');
    expect(isSpecialPurpose(bytesOf('192.0.0.10'))).toBe('TURN anycast');
    expect(isSpecialPurpose(bytesOf('255.255.255.255'))).toBe('Limited broadcast');
    expect(isSpecialPurpose(bytesOf('2001:db8::1'))).toBe('Documentation');
    expect(isSpecialPurpose(bytesOf('fe80::1'))).toBe('Link local');
    expect(isSpecialPurpose(bytesOf('fec0::1'))).toBe('Site local');
  });

  it.each(['8.8.8.8', '1.1.1.1', '9.255.255.255', '11.0.0.0', '100.128.0.0', '223.255.255.255', '2606:4700::1111'])(
    'are not %s',
    (text) => expect(isSpecialPurpose(bytesOf(text))).toBeUndefined(),
  );
});

/** Every way to write an IPv4 address as IPv6 that a kernel or a translator on the way may understand. */
const disguises = (text: string): string[] => {
  const [a = 0, b = 0, c = 0, d = 0] = text.split('.').map(Number);
  const hex = (high: number, low: number): string => ((high << 8) | low).toString(16);
  const groups = `${hex(a, b)}:${hex(c, d)}`;
  return [
    `::ffff:${text}`,
    `::FFFF:${groups}`,
    `0:0:0:0:0:ffff:${groups}`,
    `0000:0000:0000:0000:0000:ffff:${text}`,
    `::${text}`,
    `::${groups}`,
    `64:ff9b::${text}`,
    `64:ff9b::${groups}`,
    `0064:FF9B:0:0:0:0:${groups}`,
    `64:ff9b:1::${text}`,
    `64:ff9b:1:${hex(a, b)}:${hex(0, c)}:${hex(d, 0)}::`,
    `64:ff9b:1:ffff::${groups}`,
    `2002:${groups}::`,
    `2002:${groups}::1`,
    `2002:${groups}:1:2:3:4:5`,
    `2001:0:cb00:7101:8000:f227:${hex(a ^ 255, b ^ 255)}:${hex(c ^ 255, d ^ 255)}`,
    `2001::${hex(a ^ 255, b ^ 255)}:${hex(c ^ 255, d ^ 255)}`,
  ];
};

describe('an IPv4 address in disguise', () => {
  it.each(disguises('127.0.0.1'))('127.0.0.1 is found in %s', (text) => {
    expect(ipText(unmap(bytesOf(text)))).toBe('127.0.0.1');
    expect(isSpecialPurpose(bytesOf(text))).toBe('Loopback');
    expect(new CidrSet(['127.0.0.0/8']).has(unmap(bytesOf(text)))).toBe(true);
  });

  it('is found for any address', () => {
    fc.assert(
      fc.property(four, (bytes) => {
        const text = ipText(bytes);
        // ::0.0.0.0 and ::0.0.0.1 are :: and ::1, and the last 32 bits being zero means the other place for NAT64.
        fc.pre(numberOf(bytes) > 1n);
        for (const disguise of disguises(text)) expect(ipText(unmap(bytesOf(disguise))), disguise).toBe(text);
      }),
    );
  });

  it.each(['::', '::1', '2001:db8::7f00:1', '2003:7f00:1::', '64:ff9a::7f00:1', '2606:4700::1'])(
    'is not in %s',
    (text) => expect(unmap(bytesOf(text))).toEqual(bytesOf(text)),
  );

  it('does not make an ordinary address special, except by the wrapping itself', () => {
    expect(isSpecialPurpose(bytesOf('::ffff:8.8.8.8'))).toBe('IPv4-mapped');
    expect(isSpecialPurpose(unmap(bytesOf('::ffff:8.8.8.8')))).toBeUndefined();
  });
});
