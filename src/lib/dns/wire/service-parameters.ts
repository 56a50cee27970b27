import {ipText, parseIp} from '../../core/ip-address.ts';
import {WireError, WireReader, type WireWriter} from './bytes.ts';

/** Keys of RFC 9460 section 14.3. */
const KEYS = new Map([
  ['alpn', 1],
  ['no-default-alpn', 2],
  ['port', 3],
  ['ipv4hint', 4],
  ['ipv6hint', 6],
]);
const NAMES = new Map([...KEYS].map(([name, number]) => [number, name]));

/** `ipv4hint=203.0.113.1 alpn=h2,http/1.1` as pairs of key and value, ordered by key. */
export function encodeParameters(writer: WireWriter, parameters: readonly string[]): void {
  const pairs = parameters.map((parameter): [number, Buffer] => {
    const [name = '', value = ''] = parameter.split(/=(.*)/s, 2);
    const key = KEYS.get(name) ?? Number(/^key(\d{1,5})$/.exec(name)?.[1]);
    if (!Number.isInteger(key)) throw new WireError(`"${name}" is not a service parameter`);
    return [key, encodeValue(name, value)];
  });
  for (const [key, value] of pairs.toSorted(([a], [b]) => a - b)) {
    writer.u16(key).u16(value.length).raw(value);
  }
}

export function decodeParameters(reader: WireReader): string[] {
  const found: string[] = [];
  while (reader.left > 0) {
    const key = reader.u16();
    const value = reader.take(reader.u16());
    const name = NAMES.get(key);
    const text = decodeValue(name, value);
    found.push(text === '' ? (name ?? `key${key}`) : `${name ?? `key${key}`}=${text}`);
  }
  return found;
}

function encodeValue(name: string, value: string): Buffer {
  if (name === 'ipv4hint' || name === 'ipv6hint') {
    return Buffer.concat(
      value.split(',').map((address) => {
        const bytes = parseIp(address)?.bytes;
        if (bytes === undefined) throw new WireError(`"${address}" is not an address`);
        return bytes;
      }),
    );
  }
  if (name === 'port') return Buffer.of(Number(value) >> 8, Number(value) & 0xff);
  if (name !== 'alpn') return Buffer.from(value);
  return Buffer.concat(value.split(',').flatMap((id) => [Buffer.of(id.length), Buffer.from(id)]));
}

function decodeValue(name: string | undefined, value: Buffer): string {
  const reader = new WireReader(value);
  const list: string[] = [];
  switch (name) {
    case 'ipv4hint':
    case 'ipv6hint':
      while (reader.left > 0) list.push(ipText(reader.take(name === 'ipv4hint' ? 4 : 16)));
      return list.join(',');
    case 'port':
      return String(reader.u16());
    case 'alpn':
      while (reader.left > 0) list.push(reader.string().toString('latin1'));
      return list.join(',');
    default:
      return value.toString('latin1').replaceAll(/[^!-~]/g, (c) => `\\${String(c.codePointAt(0)).padStart(3, '0')}`);
  }
}
