import {byteAt, MAGIC_COOKIE, readUint16} from './message.ts';

export interface TransportAddress {
  /** Network order, 4 or 16 bytes. */
  bytes: Uint8Array;
  port: number;
}

/** Family, port and address: with a leading zero byte, what (XOR-)MAPPED-ADDRESS and its kin hold (RFC 8489 section 14.1). */
const IPV4 = 0x01;
const IPV6 = 0x02;
const ADDRESS_AT = 4;
const TRANSACTION_ID_AT = 8;
const COOKIE_HIGH = MAGIC_COOKIE >>> 16;
const COOKIE = [0x21, 0x12, 0xa4, 0x42] as const;

/** Reads MAPPED-ADDRESS, OTHER-ADDRESS, RESPONSE-ORIGIN or ALTERNATE-SERVER; undefined unless it is exactly that. */
export function readAddress(value: Uint8Array): TransportAddress | undefined {
  const length = addressBytes(value, 0, value.length);
  if (length === 0) return undefined;
  return {bytes: new Uint8Array(value.subarray(ADDRESS_AT)), port: readUint16(value, 2)};
}

/** Reads XOR-MAPPED-ADDRESS, XOR-PEER-ADDRESS or XOR-RELAYED-ADDRESS (RFC 8489 section 14.2). */
export function readXorAddress(value: Uint8Array, transactionId: Uint8Array): TransportAddress | undefined {
  const address = readAddress(value);
  if (address === undefined) return undefined;
  xorAddress(address.bytes, 0, address.bytes.length, transactionId, 0);
  return {bytes: address.bytes, port: address.port ^ COOKIE_HIGH};
}

/** The value of a plain address attribute. */
export function writeAddress(address: TransportAddress): Buffer {
  const value = Buffer.allocUnsafe(ADDRESS_AT + address.bytes.length);
  putAddress(value, 0, address.bytes, address.port);
  return value;
}

/** The value of an XOR address attribute. */
export function writeXorAddress(address: TransportAddress, transactionId: Uint8Array): Buffer {
  const value = Buffer.allocUnsafe(ADDRESS_AT + address.bytes.length);
  putXorAddress(value, 0, address.bytes, address.port, transactionId, 0);
  return value;
}

/** How many address bytes the value at `at` holds by its family and length: 4, 16, or 0 when they don't agree. */
export function addressBytes(bytes: Uint8Array, at: number, length: number): 0 | 4 | 16 {
  if (length === 8 && byteAt(bytes, at + 1) === IPV4) return 4;
  if (length === 20 && byteAt(bytes, at + 1) === IPV6) return 16;
  return 0;
}

/** Writes a plain address value in place. */
export function putAddress(target: Uint8Array, at: number, bytes: Uint8Array, port: number): void {
  target[at] = 0;
  target[at + 1] = bytes.length === 4 ? IPV4 : IPV6;
  target[at + 2] = port >>> 8;
  target[at + 3] = port & 0xff;
  for (let index = 0; index < bytes.length; index++) target[at + ADDRESS_AT + index] = byteAt(bytes, index);
}

/** Writes an XOR address value in place; the transaction id is 12 bytes of `id` from `idAt`. */
export function putXorAddress(
  target: Uint8Array,
  at: number,
  bytes: Uint8Array,
  port: number,
  id: Uint8Array,
  idAt: number,
): void {
  putAddress(target, at, bytes, port ^ COOKIE_HIGH);
  xorAddress(target, at + ADDRESS_AT, bytes.length, id, idAt);
}

/**
 * Reads the XOR address value at `at` of a message into as many bytes as it has, which `addressBytes` said; gives the
 * port.
 */
export function readXorInto(target: Uint8Array, message: Uint8Array, at: number): number {
  for (let index = 0; index < target.length; index++) target[index] = byteAt(message, at + ADDRESS_AT + index);
  xorAddress(target, 0, target.length, message, TRANSACTION_ID_AT);
  return readUint16(message, at + 2) ^ COOKIE_HIGH;
}

/** Undoes or does the masking of address bytes: by the cookie, and for IPv6 the transaction id behind it. */
function xorAddress(target: Uint8Array, at: number, length: number, id: Uint8Array, idAt: number): void {
  target[at] = byteAt(target, at) ^ COOKIE[0];
  target[at + 1] = byteAt(target, at + 1) ^ COOKIE[1];
  target[at + 2] = byteAt(target, at + 2) ^ COOKIE[2];
  target[at + 3] = byteAt(target, at + 3) ^ COOKIE[3];
  for (let index = 4; index < length; index++) {
    target[at + index] = byteAt(target, at + index) ^ byteAt(id, idAt + index - 4);
  }
}
