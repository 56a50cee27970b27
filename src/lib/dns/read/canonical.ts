import {isIPv4} from 'node:net';

import {ipText, parseIp} from '../../core/ip-address.ts';
import {absoluteName} from '../model/domain-name.ts';
import {MAX_STRING_BYTES, quoteBytes} from '../model/record-set.ts';
import {WireReader} from '../wire/bytes.ts';
import {decodeData} from '../wire/rdata.ts';
import type {Token} from './tokens.ts';

/** What each field of a type's data is, for all with names in them; others are taken as they are written. */
const SHAPES: ReadonlyMap<string, readonly FieldKind[]> = new Map([
  ['A', ['ipv4']],
  ['AAAA', ['ipv6']],
  ['CNAME', ['name']],
  ['DNAME', ['name']],
  ['NS', ['name']],
  ['PTR', ['name']],
  ['MX', ['u16', 'name']],
  ['SRV', ['u16', 'u16', 'u16', 'name']],
  ['NAPTR', ['u16', 'u16', 'string', 'string', 'string', 'name']],
  ['AFSDB', ['u16', 'name']],
  ['CAA', ['u8', 'word', 'text']],
  ['KX', ['u16', 'name']],
  ['MB', ['name']],
  ['MG', ['name']],
  ['MINFO', ['name', 'name']],
  ['MR', ['name']],
  ['PX', ['u16', 'name', 'name']],
  ['RP', ['name', 'name']],
  ['RT', ['u16', 'name']],
  ['SOA', ['name', 'name', 'u32', 'time', 'time', 'time', 'time']],
  ['HTTPS', ['u16', 'name', 'rest']],
  ['SVCB', ['u16', 'name', 'rest']],
  ['TXT', ['strings']],
]);

type FieldKind =
  | 'ipv4'
  | 'ipv6'
  | 'name'
  | 'u8'
  | 'u16'
  | 'u32'
  | 'time'
  | 'word'
  | 'string'
  | 'strings'
  | 'text'
  | 'rest';

/** What 32 bits hold. */
const MAX_SECONDS = 4_294_967_295;
const TTL_UNITS_SECONDS = new Map([
  ['s', 1],
  ['m', 60],
  ['h', 3_600],
  ['d', 86_400],
  ['w', 604_800],
]);

/** Data as the values of a RecordSet are, or what is wrong with it. */
export function canonicalData(
  type: string,
  tokens: readonly Token[],
  origin: string | undefined,
): {value: string} | {problem: string} {
  if (tokens[0]?.text === String.raw`\#`) return genericData(type, tokens.slice(1));
  const shape = SHAPES.get(type);
  if (shape === undefined) return {value: tokens.map(({text}) => escapeBytes(text)).join(' ')};
  const open = shape.at(-1) === 'strings' || shape.at(-1) === 'rest';
  const fits = open ? tokens.length >= shape.length - Number(shape.at(-1) === 'rest') : tokens.length === shape.length;
  if (!fits) return {problem: `${type} has ${shape.length} fields, and here are ${tokens.length}`};
  const fields = tokens.map((token, index) => FIELDS[shape[index] ?? shape.at(-1) ?? 'rest'](token, origin));
  const wrong = fields.findIndex((field) => field === undefined);
  if (wrong !== -1) return {problem: `"${tokens[wrong]?.text ?? ''}" is not right in ${type}`};
  return {value: fields.join(' ')};
}

/** The form of RFC 3597 section 5, which every type can be written in: those that we know are read. */
function genericData(type: string, [length, ...hex]: readonly Token[]): {value: string} | {problem: string} {
  const digits = hex.map(({text}) => text).join('');
  const bytes = Buffer.from(digits, 'hex');
  if (bytes.length !== digits.length / 2 || String(bytes.length) !== length?.text) {
    return {problem: String.raw`what stands behind \# is not as many bytes in hexadecimal`};
  }
  try {
    return {value: new WireReader(bytes).part(bytes.length, (reader) => decodeData(type, reader))};
  } catch (error) {
    return {problem: `${type} is not what these bytes are: ${error instanceof Error ? error.message : ''}`};
  }
}

/** `300`, `1h30m`; undefined when it is neither, or more than 32 bits hold. */
export function ttlSeconds(text: string): number | undefined {
  if (!/^(?:\d{1,10}|(?:\d{1,10}[smhdw])+)$/i.test(text)) return undefined;
  let total = 0;
  for (const [, amount, unit = 's'] of text.matchAll(/(\d+)([a-z])?/gi)) {
    total += Number(amount) * (TTL_UNITS_SECONDS.get(unit.toLowerCase()) ?? Number.NaN);
  }
  return total <= MAX_SECONDS ? total : undefined;
}

type ReadField = (token: Token, origin: string | undefined) => string | undefined;

const FIELDS: Record<FieldKind, ReadField> = {
  ipv4: ({text}) => (isIPv4(text) ? text : undefined),
  ipv6: ({text}) => {
    const address = parseIp(text);
    return address?.family === 6 ? ipText(address.bytes) : undefined;
  },
  name: ({text, quoted}, origin) => {
    const name = quoted ? undefined : absoluteName(text, origin);
    return name === undefined ? undefined : `${name}.`;
  },
  u8: number(0xff),
  u16: number(0xff_ff),
  u32: number(MAX_SECONDS),
  time: ({text}) => ttlSeconds(text)?.toString(),
  word: ({text}) => (/^[a-z\d]+$/i.test(text) ? text.toLowerCase() : undefined),
  string: (token) => {
    const bytes = bytesOf(token);
    return bytes.length <= MAX_STRING_BYTES ? quoteBytes(bytes) : undefined;
  },
  // A longer one is several: it can be nothing else.
  strings: (token) => {
    const bytes = bytesOf(token);
    const count = Math.max(1, Math.ceil(bytes.length / MAX_STRING_BYTES));
    return Array.from({length: count}, (_, index) =>
      quoteBytes(bytes.subarray(index * MAX_STRING_BYTES, (index + 1) * MAX_STRING_BYTES)),
    ).join(' ');
  },
  text: (token) => quoteBytes(bytesOf(token)),
  // Quotes around what needs none are left out.
  rest: ({text}) => escapeBytes(text.replace(/(?<==)"([^"\\\s();]*)"$/, '$1')),
};

function number(most: number): ReadField {
  return ({text}) => (/^\d{1,10}$/.test(text) && Number(text) <= most ? String(Number(text)) : undefined);
}

/** What a string or a word stands for. */
function bytesOf({text, quoted}: Token): Uint8Array {
  const plain = (quoted ? text.slice(1, -1) : text).replaceAll(/\\(\d{3}|.)/gs, (_, escaped: string) =>
    escaped.length === 3 ? String.fromCharCode(Number(escaped)) : escaped,
  );
  return Buffer.from(plain, 'latin1');
}

/** Bytes beyond ASCII, as text of others may have them. */
function escapeBytes(text: string): string {
  return text.replaceAll(/[^ -~]/g, (character) => `\\${String(character.charCodeAt(0)).padStart(3, '0')}`);
}
