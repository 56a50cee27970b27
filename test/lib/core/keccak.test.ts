import {keccak_256} from '@noble/hashes/sha3.js';
import * as fc from 'fast-check';
import {expect, it} from 'vitest';

import {toHex, utf8} from '../../../src/lib/core/bytes.ts';
import {keccak256} from '../../../src/lib/core/keccak.ts';

it('hashes as Ethereum does', () => {
  expect(toHex(keccak256(utf8('')))).toBe('0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470');
  expect(toHex(keccak256(utf8('abc')))).toBe('0x4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45');
});

it('agrees with another implementation at every length around the size of a block', () => {
  for (let length = 0; length <= 300; length += 1) {
    const bytes = Uint8Array.from({length}, (_, index) => (index * 7 + length) % 256);
    expect(toHex(keccak256(bytes))).toBe(toHex(keccak_256(bytes)));
  }
});

it('agrees with another implementation on any bytes, in any order of calls', () => {
  fc.assert(
    fc.property(fc.uint8Array({maxLength: 3_000, size: 'max'}), (bytes) => {
      expect(toHex(keccak256(bytes))).toBe(toHex(keccak_256(bytes)));
    }),
    {numRuns: 300},
  );
});

it('agrees with another implementation on messages larger than the memory it works in', () => {
  for (const length of [16_383, 16_384, 16_385, 65_536, 200_000]) {
    const bytes = Uint8Array.from({length}, (_, index) => (index * 31 + length) % 256);
    expect(toHex(keccak256(bytes))).toBe(toHex(keccak_256(bytes)));
  }
});

it('gives each digest memory of its own', () => {
  const first = keccak256(utf8('first'));
  const before = toHex(first);
  keccak256(utf8('second'));
  expect(toHex(first)).toBe(before);
});
