import * as fc from 'fast-check';
import {describe, expect, it} from 'vitest';

import {
  amountFromText,
  amountToText,
  dateToText,
  durationFromText,
  durationToText,
  parseAmount,
  parseDuration,
  sizeFromText,
  sizeToText,
} from '../../../src/lib/core/units.ts';

describe('durations', () => {
  it.each([
    ['250ms', 250],
    ['20s', 20_000],
    ['1h30m', 5_400_000],
    ['1.1h', 3_960_000],
    ['1.005s', 1_005],
    ['14d', 1_209_600_000],
    ['0.5s', 500],
    ['0', 0],
  ])('reads %s', (text, ms) => expect(durationFromText(text)).toBe(ms));

  it.each(['', '20', 's', '20 s', '-1s', '1x', '0.0001s', '99999999999999999d', '1e3s'])('refuses "%s"', (text) =>
    expect(durationFromText(text)).toBeUndefined(),
  );

  it('reads back what it writes', () => {
    fc.assert(fc.property(fc.nat(2 ** 31), (ms) => durationFromText(durationToText(ms)) === ms));
  });
});

describe('sizes', () => {
  it.each([
    ['512B', 512],
    ['128KiB', 131_072],
    ['10MB', 10_000_000],
    ['1.5GiB', 1_610_612_736],
    ['0', 0],
  ])('reads %s', (text, bytes) => expect(sizeFromText(text)).toBe(bytes));

  it.each(['', '1', '1 kb', 'KiB', '1PiB', '0.3B', '-1B'])('refuses "%s"', (text) =>
    expect(sizeFromText(text)).toBeUndefined(),
  );

  it('reads back what it writes', () => {
    fc.assert(fc.property(fc.maxSafeNat(), (bytes) => sizeFromText(sizeToText(bytes)) === bytes));
  });
});

describe('dates', () => {
  it('are told in UTC, the first and the last there are too', () => {
    expect(dateToText(1_700_000_000n)).toBe('2023-11-14 22:13 UTC');
    expect(dateToText(0n)).toBe('1970-01-01 00:00 UTC');
    expect(dateToText(2n ** 256n)).toBe('+275760-09-13 00:00 UTC');
  });
});

describe('token amounts', () => {
  it.each([
    ['1', 10n ** 18n],
    ['0.25', 25n * 10n ** 16n],
    ['0.000000000000000001', 1n],
    ['123456789012345678901234567890', 123456789012345678901234567890n * 10n ** 18n],
  ])('reads %s without losing a digit', (text, amount) => expect(amountFromText(text)).toBe(amount));

  it.each(['', '.5', '1.', '-1', '1e18', '0x10', '1,5', '0.0000000000000000001'])('refuses "%s"', (text) =>
    expect(amountFromText(text)).toBeUndefined(),
  );

  it('reads back what it writes, for any number of decimals', () => {
    fc.assert(
      fc.property(fc.bigInt({min: 0n, max: 2n ** 128n}), fc.nat(18), (amount, decimals) => {
        expect(amountFromText(amountToText(amount, decimals), decimals)).toBe(amount);
      }),
    );
  });

  it('writes negative amounts, which differences can be', () => expect(amountToText(-15n, 1)).toBe('-1.5'));
});

it('throws a usage error that says what is expected', () => {
  for (const parse of [parseDuration, parseAmount]) {
    expect(() => parse('soon')).toThrow(expect.objectContaining({code: 'BAD_UNIT', exit: 2}));
  }
});
