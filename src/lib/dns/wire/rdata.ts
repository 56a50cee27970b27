import {ipText, parseIp} from '../../core/ip-address.ts';
import {splitFields, type Field} from '../model/fields.ts';
import {quoteBytes} from '../model/record-set.ts';
import {WireError, type WireReader, WireWriter} from './bytes.ts';
import {decodeParameters, encodeParameters} from './service-parameters.ts';

/** IANA's numbers of types; those not here are TYPE123 (RFC 3597). Those of DNSSEC are known, as they are left alone. */
const TYPES = new Map([
  ['A', 1],
  ['NS', 2],
  ['CNAME', 5],
  ['SOA', 6],
  ['PTR', 12],
  ['MX', 15],
  ['TXT', 16],
  ['AAAA', 28],
  ['SRV', 33],
  ['NAPTR', 35],
  ['DNAME', 39],
  ['DS', 43],
  ['SSHFP', 44],
  ['RRSIG', 46],
  ['NSEC', 47],
  ['DNSKEY', 48],
  ['NSEC3', 50],
  ['NSEC3PARAM', 51],
  ['TLSA', 52],
  ['CDS', 59],
  ['CDNSKEY', 60],
  ['SVCB', 64],
  ['HTTPS', 65],
  ['CAA', 257],
]);
const NAMES = new Map([...TYPES].map(([name, number]) => [number, name]));

type Part = 'ipv4' | 'ipv6' | 'name' | 'string' | 'strings' | 'text' | 'u8' | 'u16' | 'u32' | 'parameters';

/** What the data of each type is made of, in the order of the wire, which is that of a zone file too. */
const LAYOUTS = new Map<string, readonly Part[]>([
  ['A', ['ipv4']],
  ['AAAA', ['ipv6']],
  ['CAA', ['u8', 'string', 'text']],
  ['CNAME', ['name']],
  ['DNAME', ['name']],
  ['HTTPS', ['u16', 'name', 'parameters']],
  ['MX', ['u16', 'name']],
  ['NAPTR', ['u16', 'u16', 'string', 'string', 'string', 'name']],
  ['NS', ['name']],
  ['PTR', ['name']],
  ['SOA', ['name', 'name', 'u32', 'u32', 'u32', 'u32', 'u32']],
  ['SRV', ['u16', 'u16', 'u16', 'name']],
  ['SVCB', ['u16', 'name', 'parameters']],
  ['TXT', ['strings']],
]);

export function typeNumber(type: string): number {
  const number = TYPES.get(type) ?? Number(/^TYPE(\d{1,5})$/.exec(type)?.[1]);
  if (Number.isInteger(number)) return number;
  throw new WireError(`${type} is not a type that can be sent`);
}

export function typeName(number: number): string {
  return NAMES.get(number) ?? `TYPE${number}`;
}

/** Data as the values of a RecordSet have it, as bytes. */
export function encodeData(type: string, value: string): Buffer {
  const layout = LAYOUTS.get(type);
  const fields = splitFields(value);
  const writer = new WireWriter();
  if (layout === undefined) {
    const [mark, length, ...hex] = fields.map(({text}) => text);
    const bytes = Buffer.from(hex.join(''), 'hex');
    // `\#` without its escape.
    if (mark !== '#' || bytes.length !== Number(length)) throw new WireError(`the data of ${type} is unknown`);
    return bytes;
  }
  for (const [index, part] of layout.entries()) {
    const rest = fields.slice(index);
    if (part === 'strings') for (const {text, bytes} of rest) writer.string(bytes ?? text);
    else if (part === 'parameters')
      encodeParameters(
        writer,
        rest.map(({text}) => text),
      );
    else encodePart(writer, part, rest[0] ?? EMPTY);
  }
  return writer.build();
}

/** The other way round. */
export function decodeData(type: string, reader: WireReader): string {
  const layout = LAYOUTS.get(type);
  if (layout === undefined) {
    const bytes = reader.take(reader.left);
    return [String.raw`\#`, String(bytes.length), bytes.toString('hex')].join(' ').trimEnd();
  }
  return layout.flatMap((part) => decodePart(reader, part, type)).join(' ');
}

const EMPTY: Field = {text: '', quoted: false};

function encodePart(writer: WireWriter, part: Exclude<Part, 'strings' | 'parameters'>, {text, bytes}: Field): void {
  switch (part) {
    case 'ipv4':
    case 'ipv6': {
      const address = parseIp(text);
      if (address === undefined) throw new WireError(`"${text}" is not an address`);
      writer.raw(address.bytes);
      break;
    }
    case 'name':
      writer.name(text);
      break;
    case 'string':
      writer.string(bytes ?? text);
      break;
    case 'text':
      writer.raw(bytes ?? Buffer.from(text));
      break;
    default:
      writer[part](Number(text));
  }
}

function decodePart(reader: WireReader, part: Part, type: string): string[] {
  switch (part) {
    case 'ipv4':
      return [ipText(reader.take(4))];
    case 'ipv6':
      return [ipText(reader.take(16))];
    case 'name':
      return [`${reader.name()}.`];
    case 'string':
      // The tag of CAA is a word; everything else is in quotes.
      return [type === 'CAA' ? tagOf(reader.string()) : quoteBytes(reader.string())];
    case 'strings': {
      const all: string[] = [];
      do all.push(quoteBytes(reader.string()));
      while (reader.left > 0);
      return all;
    }
    case 'text':
      return [quoteBytes(reader.take(reader.left))];
    case 'parameters':
      return decodeParameters(reader);
    default:
      return [String(reader[part]())];
  }
}

/** Letters and digits as they are written (RFC 8659 section 4.1), since prerequisites compare them byte by byte. */
function tagOf(bytes: Buffer): string {
  const tag = bytes.toString('latin1');
  if (/^[a-z\d]+$/i.test(tag)) return tag;
  throw new WireError('the tag of a CAA record is not one');
}
