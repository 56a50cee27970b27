import {wrongValue} from './errors.ts';

/** Fewest digits of an id that are looked up; fewer would match by chance. */
const LEAST_DIGITS = 4;

/** The beginning of an id as ids are written, `0x…` in lower case; undefined for what is none, or too short. */
export function idPrefix(text: string): string | undefined {
  const digits = text.replace(/^0x/i, '').toLowerCase();
  return /^[0-9a-f]+$/.test(digits) && digits.length >= LEAST_DIGITS ? `0x${digits}` : undefined;
}

/** The one that was found. Throws `<CODE>_UNKNOWN` and `<CODE>_AMBIGUOUS`; `list` is the command that shows them all. */
export function theOnly<T>(
  found: readonly T[],
  {code, what, wanted, list}: {code: 'CHANNEL' | 'REPORT'; what: string; wanted: string; list: string},
): T {
  const [only, second] = found;
  if (only === undefined) throw wrongValue(`${code}_UNKNOWN`, `There is no ${what} ${wanted}`, list);
  if (second === undefined) return only;
  throw wrongValue(`${code}_AMBIGUOUS`, `More than one ${what} matches ${wanted}`, `Name one by its id: ${list}`);
}
