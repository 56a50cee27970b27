import {isIPv4} from 'node:net';

import {ipText, parseIp} from '../../core/ip-address.ts';
import {splitFields} from '../model/fields.ts';
import {quote, quoteBytes} from '../model/record-set.ts';
import type {Token} from './tokens.ts';

/** What each field of a type's data is, for all with names in them; others are taken as they are written. */
const SHAPES: ReadonlyMap<string, readonly FieldKind[]> = new Map([
  ['A', ['ipv4']],
  ['AAAA', ['ipv6']],
  ['CNAME', ['name']],
  ['DNAME', ['name']],
  ['NS', ['name']],
  ['PTR', ['name']],
  ['MX', ['number', 'name']],
  ['SRV', ['number', 'number', 'number', 'name']],
  ['NAPTR', ['number', 'number', 'string', 'string', 'string', 'name']],
  ['AFSDB', ['number', 'name']],
  ['CAA', ['number', 'word', 'string']],
  ['KX', ['number', 'name']],
  ['MB', ['name']],
  ['MG', ['name']],
  ['MINFO', ['name', 'name']],
  ['MR', ['name']],
  ['PX', ['number', 'name', 'name']],
  ['RP', ['name', 'name']],
  ['RT', ['number', 'name']],
  ['SOA', ['name', 'name', 'number', 'time', 'time', 'time', 'time']],
  ['HTTPS', ['number', 'name', 'rest']],
  ['SVCB', ['number', 'name', 'rest']],
  ['TXT', ['strings']],
]);

type FieldKind = 'ipv4' | 'ipv6' | 'name' | 'number' | 'time' | 'word' | 'string' | 'strings' | 'rest';

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
  origin: string,
): {value: string} | {problem: string} {
  const shape = SHAPES.get(type);
  if (shape === undefined || tokens[0]?.text === '\\#') return {value: tokens.map(({text}) => text).join(' ')};
  const open = shape.at(-1) === 'strings' || shape.at(-1) === 'rest';
  const fits = open ? tokens.length >= shape.length - Number(shape.at(-1) === 'rest') : tokens.length === shape.length;
  if (!fits) return {problem: `${type} has ${shape.length} fields, and here are ${tokens.length}`};
  const fields = tokens.map((token, index) => FIELDS[shape[index] ?? shape.at(-1) ?? 'rest'](token, origin));
  const wrong = fields.findIndex((field) => field === undefined);
  if (wrong !== -1) return {problem: `"${tokens[wrong]?.text ?? ''}" is not right in ${type}`};
  return {value: fields.join(' ')};
}

/** A name in lower case without the final dot: absolute, `@`, or relative to the origin. */
export function absoluteName(text: string, origin: string): string {
  const name = text.toLowerCase();
  if (name === '@') return origin;
  if (name.endsWith('.')) return name.slice(0, -1);
  return origin === '' ? name : `${name}.${origin}`;
}

/** `300`, `1h30m`; undefined when it is neither. */
export function ttlSeconds(text: string): number | undefined {
  if (/^\d{1,10}$/.test(text)) return Number(text);
  if (!/^(\d{1,10}[smhdw])+$/i.test(text)) return undefined;
  let total = 0;
  for (const [, amount, unit = ''] of text.matchAll(/(\d+)([a-z])/gi)) {
    total += Number(amount) * (TTL_UNITS_SECONDS.get(unit.toLowerCase()) ?? Number.NaN);
  }
  return total;
}

const FIELDS: Record<FieldKind, (token: Token, origin: string) => string | undefined> = {
  ipv4: ({text}) => (isIPv4(text) ? text : undefined),
  ipv6: ({text}) => {
    const address = parseIp(text);
    return address?.family === 6 ? ipText(address.bytes) : undefined;
  },
  name: ({text, quoted}, origin) => (quoted ? undefined : rooted(absoluteName(text, origin))),
  number: ({text}) => (/^\d{1,10}$/.test(text) ? String(Number(text)) : undefined),
  time: ({text}) => ttlSeconds(text)?.toString(),
  word: ({text}) => text.toLowerCase(),
  string: characterString,
  strings: characterString,
  // Quotes around what needs none are left out.
  rest: ({text}) => text.replace(/(?<==)"([^"\\\s();]*)"$/, '$1'),
};

function characterString({text}: Token): string {
  const [field] = splitFields(text);
  return field?.bytes === undefined ? quote(field?.text ?? '') : quoteBytes(field.bytes);
}

/** The root is one dot. */
function rooted(name: string): string {
  return name === '' ? '.' : `${name}.`;
}
