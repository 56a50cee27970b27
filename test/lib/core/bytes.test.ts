import * as fc from 'fast-check';
import {expect, it} from 'vitest';

import {concatBytes, equalBytes, fromHex, fromUtf8, toHex, utf8} from '../../../src/lib/core/bytes.ts';

it('writes and reads hex', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      expect(fromHex(toHex(bytes))).toEqual(bytes);
      expect(fromHex(toHex(bytes).toUpperCase().replace('0X', '0x'), bytes.length)).toEqual(bytes);
      expect(fromHex(toHex(bytes), bytes.length + 1)).toBeUndefined();
    }),
  );
});

it.each(['', '00', '0x0', '0xzz', '0X00', ' 0x00', '0x00 '])('reads no hex from %j', (text) => {
  expect(fromHex(text)).toBeUndefined();
});

it('tells invalid UTF-8', () => {
  expect(fromUtf8(utf8('über 模型'))).toBe('über 模型');
  expect(fromUtf8(Uint8Array.of(0xff))).toBeUndefined();
});

it('joins and compares', () => {
  expect(concatBytes(Uint8Array.of(1), new Uint8Array(0), Uint8Array.of(2, 3))).toEqual(Uint8Array.of(1, 2, 3));
  expect(equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 2))).toBe(true);
  expect(equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 3))).toBe(false);
  expect(equalBytes(Uint8Array.of(1), Uint8Array.of(1, 0))).toBe(false);
});
