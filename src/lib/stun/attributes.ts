import {byteAt, padded, readUint16, readUint32} from './message.ts';

/** IANA protocol numbers as REQUESTED-TRANSPORT has them. */
export const TRANSPORT_UDP = 17;

/** PASSWORD-ALGORITHM numbers (RFC 8489 section 18.5). */
export const PASSWORD_ALGORITHM = {md5: 1, sha256: 2} as const;

/** Two are defined; a list of more than a few is not from a client. */
const MAX_PASSWORD_ALGORITHMS = 8;
const CHANNEL_MIN = 0x4000;
/** RFC 8656 section 12; RFC 5766 allowed up to 0x7FFF. */
const CHANNEL_MAX = 0x4fff;

/** LIFETIME in seconds. */
export function readLifetime(value: Uint8Array): number | undefined {
  return value.length === 4 ? readUint32(value, 0) : undefined;
}

/** A channel from 0x4000 to 0x4FFF, or undefined. */
export function readChannelNumber(value: Uint8Array): number | undefined {
  if (value.length !== 4) return undefined;
  const channel = readUint16(value, 0);
  return channel >= CHANNEL_MIN && channel <= CHANNEL_MAX ? channel : undefined;
}

/** IANA protocol number: 17 is UDP. */
export function readRequestedTransport(value: Uint8Array): number | undefined {
  return value.length === 4 ? value[0] : undefined;
}

export function writeRequestedTransport(protocol: number): Buffer {
  return Buffer.from([protocol, 0, 0, 0]);
}

/** EVEN-PORT: whether the next port is to be reserved too. */
export function readEvenPort(value: Uint8Array): boolean | undefined {
  return value.length === 1 ? (byteAt(value, 0) & 0x80) !== 0 : undefined;
}

/** REQUESTED-ADDRESS-FAMILY or ADDITIONAL-ADDRESS-FAMILY: 4 or 6, `unknown` for another family, undefined if malformed. */
export function readAddressFamily(value: Uint8Array): 4 | 6 | 'unknown' | undefined {
  if (value.length !== 4) return undefined;
  const family = byteAt(value, 0);
  return family === 1 ? 4 : family === 2 ? 6 : 'unknown';
}

export function writeAddressFamily(family: 4 | 6): Buffer {
  return Buffer.from([family === 4 ? 1 : 2, 0, 0, 0]);
}

/** CHANGE-REQUEST (RFC 5780 section 7.2): answer from the other address, from the other port. */
export function readChangeRequest(value: Uint8Array): {address: boolean; port: boolean} | undefined {
  if (value.length !== 4) return undefined;
  const bits = byteAt(value, 3);
  return {address: (bits & 0x04) !== 0, port: (bits & 0x02) !== 0};
}

export function writeChangeRequest(change: {address: boolean; port: boolean}): Buffer {
  return Buffer.from([0, 0, 0, (change.address ? 0x04 : 0) | (change.port ? 0x02 : 0)]);
}

/** RESPONSE-PORT (RFC 5780 section 7.5): a port to answer to. */
export function readResponsePort(value: Uint8Array): number | undefined {
  return value.length === 4 ? readUint16(value, 0) : undefined;
}

/** PASSWORD-ALGORITHM: the number of one algorithm; undefined if malformed (RFC 8489 section 14.12). */
export function readPasswordAlgorithm(value: Uint8Array): number | undefined {
  const list = readPasswordAlgorithms(value);
  return list?.length === 1 ? list[0] : undefined;
}

/** PASSWORD-ALGORITHMS, in the server's order of preference (RFC 8489 section 14.11). */
export function readPasswordAlgorithms(value: Uint8Array): number[] | undefined {
  const found: number[] = [];
  for (let at = 0; at < value.length;) {
    if (at + 4 > value.length || found.length === MAX_PASSWORD_ALGORITHMS) return undefined;
    const parameters = readUint16(value, at + 2);
    found.push(readUint16(value, at));
    // The last parameters' padding may be the attribute's own.
    if (at + 4 + parameters > value.length) return undefined;
    at += 4 + padded(parameters);
  }
  return found;
}

/** The value of PASSWORD-ALGORITHM or PASSWORD-ALGORITHMS; none of the algorithms has parameters. */
export function writePasswordAlgorithms(...algorithms: readonly number[]): Buffer {
  const value = Buffer.alloc(algorithms.length * 4);
  algorithms.forEach((algorithm, index) => value.writeUInt16BE(algorithm, index * 4));
  return value;
}
