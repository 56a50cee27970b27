import {
  amountFromText,
  amountToText,
  durationFromText,
  durationToText,
  sizeFromText,
  sizeToText,
} from '../core/units.ts';

export type Scalar = string | number | boolean;

/** A value as it stands in a file, an environment variable or a flag, before its key has looked at it. */
export type RawValue = Scalar | readonly Scalar[];

/** What one configuration key takes, means and is without being set. */
export interface Key<Value, Default = Value> {
  description: string;
  /** Completes "expected …". */
  expects: string;
  default: Default;
  /** The value, or undefined when the raw one is not allowed. */
  parse(raw: RawValue): Value | undefined;
  /** The value as it would be written in a file. */
  write(value: Value): RawValue;
  /** Shown as asterisks, never printed. */
  secret?: boolean;
}

interface Common<Default> {
  description: string;
  default: Default;
}

/** A regular expression, or another test of a text. */
type Pattern = Pick<RegExp, 'test'>;

const MAX_PORT = 65_535;
/** Lists are read by people and dialled by machines; more than this is a mistake. */
const MAX_LIST_ITEMS = 256;
const MAX_TEXT_LENGTH = 4_096;

/** One line of text. */
export function text<Default>(
  options: Common<Default> & {expects?: string; pattern?: Pattern; secret?: boolean},
): Key<string, Default> {
  const {expects = 'text', pattern, ...common} = options;
  return {
    ...common,
    expects,
    parse(raw) {
      if (Array.isArray(raw) || typeof raw === 'boolean') return undefined;
      const line = String(raw).trim();
      const plain = line !== '' && line.length <= MAX_TEXT_LENGTH && !/[\p{Cc}]/u.test(line);
      return plain && (pattern?.test(line) ?? true) ? line : undefined;
    },
    write: (value) => value,
  };
}

/** One of a few words. */
export function choice<const Word extends string, const Default>(
  words: readonly Word[],
  options: Common<Default>,
): Key<Word, Default> {
  return {
    ...options,
    expects: `one of ${words.join(', ')}`,
    parse: (raw) => words.find((word) => word === raw),
    write: (value) => value,
  };
}

export function flag<Default>(options: Common<Default>): Key<boolean, Default> {
  return {
    ...options,
    expects: 'true or false',
    parse(raw) {
      if (typeof raw === 'boolean') return raw;
      if (raw === 'true' || raw === '1') return true;
      return raw === 'false' || raw === '0' ? false : undefined;
    },
    write: (value) => value,
  };
}

export function integer<Default>(options: Common<Default> & {min: number; max: number}): Key<number, Default> {
  const {min, max, ...common} = options;
  return {
    ...common,
    expects: `a whole number from ${min} to ${max}`,
    parse(raw) {
      const number = typeof raw === 'string' && /^\d{1,15}$/.test(raw) ? Number(raw) : raw;
      return typeof number === 'number' && Number.isInteger(number) && number >= min && number <= max
        ? number
        : undefined;
    },
    write: (value) => value,
  };
}

/** A port to listen on; 0 takes any free one. */
export function port<Default>(options: Common<Default>): Key<number, Default> {
  return {...integer({...options, min: 0, max: MAX_PORT}), expects: 'a port from 1 to 65535, or 0 for any free one'};
}

/** Like `port`, for a socket that can be left out: `off` or false. */
export function portOrOff<Default>(options: Common<Default>): Key<number | false, Default> {
  const open = port(options);
  return {
    ...options,
    expects: 'a port from 1 to 65535, 0 for any free one, or off',
    parse: (raw) => (raw === 'off' || raw === false ? false : open.parse(raw)),
    write: (value) => (value === false ? 'off' : value),
  };
}

/** Milliseconds inside, `20s` outside. */
export function duration<Default>(options: Common<Default>): Key<number, Default> {
  return {
    ...options,
    expects: 'a duration such as 250ms, 20s, 10m or 1h30m',
    parse: (raw) => (Array.isArray(raw) ? undefined : durationFromText(String(raw))),
    write: durationToText,
  };
}

/** Bytes inside, `128KiB` outside. */
export function size<Default>(options: Common<Default> & {maxBytes: number}): Key<number, Default> {
  const {maxBytes, ...common} = options;
  return {
    ...common,
    expects: `a size such as 512B, 128KiB or 10MB, up to ${sizeToText(maxBytes)}`,
    parse(raw) {
      const bytes = Array.isArray(raw) ? undefined : sizeFromText(String(raw));
      return bytes !== undefined && bytes > 0 && bytes <= maxBytes ? bytes : undefined;
    },
    write: sizeToText,
  };
}

/** Base units inside, decimal QUIV outside. A number with a fraction comes as it was written, since doubles lose digits. */
export function amount<Default>(options: Common<Default> & {max: bigint}): Key<bigint, Default> {
  const {max, ...common} = options;
  return {
    ...common,
    expects: `an amount of QUIV such as 0.25, with at most 18 decimals and below ${amountToText(max).split('.')[0]}`,
    parse(raw) {
      const value = typeof raw === 'string' || Number.isSafeInteger(raw) ? amountFromText(String(raw)) : undefined;
      return value !== undefined && value < max ? value : undefined;
    },
    write: (value) => amountToText(value),
  };
}

/** A list in YAML, separated by commas in the environment and in `config set`. */
export function list<Default>(
  options: Common<Default> & {expects: string; pattern?: Pattern; /** @default 256 */ maxItems?: number},
): Key<readonly string[], Default> {
  const {expects, pattern, maxItems = MAX_LIST_ITEMS, ...common} = options;
  const item = text({description: '', default: undefined, ...(pattern === undefined ? {} : {pattern})});
  return {
    ...common,
    expects: `a list of ${expects}`,
    parse(raw) {
      const parts = typeof raw === 'string' ? splitCommas(raw) : raw;
      if (!Array.isArray(parts) || parts.length > maxItems) return undefined;
      const items = parts.map((part: Scalar) => item.parse(part));
      return items.every((each) => each !== undefined) ? items : undefined;
    },
    write: (value) => value,
  };
}

function splitCommas(raw: string): string[] {
  return raw.trim() === '' ? [] : raw.split(',').map((part) => part.trim());
}
