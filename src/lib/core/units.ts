import {EXIT, QuiverError} from './errors.ts';

const DURATION_UNITS_MS = new Map([
  ['ms', 1],
  ['s', 1_000],
  ['m', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
]);

const SIZE_UNITS_BYTES = new Map([
  ['B', 1],
  ['KB', 1e3],
  ['MB', 1e6],
  ['GB', 1e9],
  ['TB', 1e12],
  ['KiB', 2 ** 10],
  ['MiB', 2 ** 20],
  ['GiB', 2 ** 30],
  ['TiB', 2 ** 40],
]);

/** Far above what doubles lose in one product, far below what anyone writes. */
const ROUNDING_ERROR = 1e-4;

/** What ERC-20 tokens, QUIV among them, have by custom. */
export const TOKEN_DECIMALS = 18;

/** A duration such as `20s`, `1h30m` or `250ms` in milliseconds; undefined when it is not one. */
export function durationFromText(text: string): number | undefined {
  if (text === '0') return 0;
  if (!/^(\d+(\.\d+)?(ms|[smhd]))+$/.test(text)) return undefined;
  let totalMs = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|[smhd])/g)) {
    totalMs += Number(amount) * (DURATION_UNITS_MS.get(unit ?? '') ?? Number.NaN);
  }
  return wholeNumber(totalMs);
}

/** Milliseconds as the shortest exact text that `durationFromText` reads back. */
export function durationToText(durationMs: number): string {
  if (durationMs === 0) return '0s';
  let restMs = durationMs;
  let text = '';
  for (const [unit, unitMs] of [...DURATION_UNITS_MS].toReversed()) {
    const count = Math.floor(restMs / unitMs);
    if (count > 0) text += `${count}${unit}`;
    restMs -= count * unitMs;
  }
  return text;
}

/** A size such as `128KiB` (powers of 1024) or `10MB` (powers of 1000) in bytes; undefined when it is not one. */
export function sizeFromText(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?) ?([KMGT]i?B|B)$/.exec(text);
  if (match === null) return text === '0' ? 0 : undefined;
  const bytes = Number(match[1]) * (SIZE_UNITS_BYTES.get(match[2] ?? '') ?? Number.NaN);
  return wholeNumber(bytes);
}

/** 1.1 times 3,600,000 is 3,960,000.0000000005 in doubles, and was meant to be whole. */
function wholeNumber(product: number): number | undefined {
  const whole = Math.round(product);
  return Number.isSafeInteger(whole) && Math.abs(product - whole) < ROUNDING_ERROR ? whole : undefined;
}

/** Bytes in the largest unit that divides them, so that nothing is rounded. */
export function sizeToText(bytes: number): string {
  const units = [...SIZE_UNITS_BYTES].toSorted(([, a], [, b]) => b - a);
  const [unit, unitBytes] = units.find(([, size]) => bytes >= size && bytes % size === 0) ?? ['B', 1];
  return `${bytes / unitBytes}${unit}`;
}

/** A decimal amount such as `1.5` in base units (10^-decimals); undefined when it is not one or has too many digits. */
export function amountFromText(text: string, decimals = TOKEN_DECIMALS): bigint | undefined {
  const match = /^(\d{1,60})(?:\.(\d+))?$/.exec(text);
  if (match === null) return undefined;
  const fraction = match[2] ?? '';
  if (fraction.length > decimals) return undefined;
  return BigInt(match[1] + fraction.padEnd(decimals, '0'));
}

/** Base units as a decimal amount without trailing zeros; exact. */
export function amountToText(amount: bigint, decimals = TOKEN_DECIMALS): string {
  const sign = amount < 0n ? '-' : '';
  const digits = (amount < 0n ? -amount : amount).toString().padStart(decimals + 1, '0');
  const whole = digits.slice(0, digits.length - decimals);
  const fraction = digits.slice(digits.length - decimals).replace(/0+$/, '');
  return fraction === '' ? `${sign}${whole}` : `${sign}${whole}.${fraction}`;
}

/** The last second that a date can tell. */
const MAX_DATE_SECONDS = 8_640_000_000_000n;

/** Seconds since 1970 as people read them, UTC; what is beyond all dates as the last of them. */
export function dateToText(seconds: bigint): string {
  const known = seconds < MAX_DATE_SECONDS ? seconds : MAX_DATE_SECONDS;
  return `${new Date(Number(known) * 1_000).toISOString().slice(0, -8).replace('T', ' ')} UTC`;
}

/** Like `durationFromText`, for input that has to be right: throws a usage error otherwise. */
export function parseDuration(text: string): number {
  return durationFromText(text) ?? fail(text, 'a duration such as 250ms, 20s, 10m, 1h30m or 14d');
}

/** Like `amountFromText`, for input that has to be right: throws a usage error otherwise. */
export function parseAmount(text: string, decimals = TOKEN_DECIMALS): bigint {
  return (
    amountFromText(text, decimals) ?? fail(text, `a decimal amount such as 1.5, with at most ${decimals} decimals`)
  );
}

function fail(text: string, expected: string): never {
  throw new QuiverError({
    code: 'BAD_UNIT',
    message: `"${text}" is not ${expected}`,
    fix: `Write ${expected}.`,
    exit: EXIT.usage,
  });
}
