import {fromHex, isZero, toHex} from '../core/bytes.ts';
import {addressFromBytes, addressToBytes} from '../core/secp256k1.ts';
import {peerFromKey, peerToKey} from './peer-key.ts';
import {isLabel, isModelDigest, isModelName} from './text.ts';
import {keccak256} from '../core/keccak.ts';
import {utf8} from '../core/bytes.ts';

/** What a protobuf field of ours holds. */
export type Wire = number | bigint | string | Uint8Array;
/** What a JSON field of ours holds. */
export type JsonField = number | string;

const WORD_BYTES = 32;

/**
 * One kind of field, in the four forms that a signed struct takes. Whatever reads gives undefined for what is out of
 * bounds, so that the caller can name the field.
 */
export interface Kind<T> {
  /** How EIP-712 declares a field of this name; some kinds need two words. */
  declare(name: string): string;
  words: number;
  /** Writes the value as 32-byte words that begin `at`, zeroed before; false when it is out of bounds. */
  write(value: T, words: Buffer, at: number): boolean;
  toWire(value: T): Wire;
  fromWire(wire: Wire): T | undefined;
  toJson(value: T): JsonField;
  fromJson(json: unknown): T | undefined;
}

/** An unsigned integer kept as a number: at most 2^53 - 1 whatever its declared size, as protobuf uint32 or uint64. */
function numberKind(bits: 8 | 16 | 32 | 64): Kind<number> {
  const max = Math.min(2 ** bits - 1, Number.MAX_SAFE_INTEGER);
  const valid = (value: unknown): value is number =>
    Number.isInteger(value) && Number(value) >= 0 && Number(value) <= max;
  return {
    declare: (name) => `uint${bits} ${name}`,
    words: 1,
    write(value, words, at) {
      if (!valid(value)) return false;
      words.writeUInt32BE(Math.floor(value / 2 ** 32), at + 24);
      words.writeUInt32BE(value % 2 ** 32, at + 28);
      return true;
    },
    toWire: (value) => (bits === 64 ? BigInt(value) : value),
    fromWire(wire) {
      const value = Number(wire);
      return valid(value) ? value : undefined;
    },
    toJson: (value) => value,
    fromJson: (json) => (valid(json) ? json : undefined),
  };
}

/** Big-endian bytes of an unsigned integer, without leading zeros; 0 has none. */
export function uintToBytes(value: bigint): Uint8Array {
  if (value < 0n) throw new RangeError(`${value} is negative`);
  const hex = value === 0n ? '' : value.toString(16);
  return new Uint8Array(Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex'));
}

/** The integer in at most `maxBytes` big-endian bytes without leading zeros; undefined otherwise. */
export function uintFromBytes(bytes: Uint8Array, maxBytes: number): bigint | undefined {
  if (bytes.length > maxBytes || bytes[0] === 0) return undefined;
  return bytes.length === 0 ? 0n : BigInt(toHex(bytes));
}

/** An unsigned integer kept as a bigint: protobuf uint64, or big-endian bytes when larger; a decimal string in JSON. */
function bigintKind(bits: 64 | 128): Kind<bigint> {
  const limit = 1n << BigInt(bits);
  const valid = (value: unknown): value is bigint => typeof value === 'bigint' && value >= 0n && value < limit;
  return {
    declare: (name) => `uint${bits} ${name}`,
    words: 1,
    write(value, words, at) {
      if (!valid(value)) return false;
      words.writeBigUInt64BE(value >> 64n, at + 16);
      words.writeBigUInt64BE(BigInt.asUintN(64, value), at + 24);
      return true;
    },
    toWire: (value) => (bits === 64 ? value : uintToBytes(value)),
    fromWire(wire) {
      const value = wire instanceof Uint8Array ? uintFromBytes(wire, bits / 8) : wire;
      return valid(value) ? value : undefined;
    },
    toJson: (value) => value.toString(),
    fromJson(json) {
      if (typeof json !== 'string' || !/^(?:0|[1-9]\d{0,38})$/.test(json)) return undefined;
      const value = BigInt(json);
      return valid(value) ? value : undefined;
    },
  };
}

/** Bytes of a fixed length, left in a word as EIP-712 wants `bytesN`; all zero is left out of protobuf. */
function bytesKind(size: 16 | 32): Kind<Uint8Array> {
  const read = (bytes: unknown): Uint8Array | undefined => {
    if (!(bytes instanceof Uint8Array)) return undefined;
    if (bytes.length === 0) return new Uint8Array(size);
    return bytes.length === size ? bytes : undefined;
  };
  return {
    declare: (name) => `bytes${size} ${name}`,
    words: 1,
    write(value, words, at) {
      if (!(value instanceof Uint8Array) || value.length !== size) return false;
      words.set(value, at);
      return true;
    },
    toWire: (value) => (isZero(value) ? new Uint8Array(0) : value),
    fromWire: read,
    toJson: toHex,
    fromJson: (json) => (typeof json === 'string' ? fromHex(json, size) : undefined),
  };
}

const address: Kind<string> = {
  declare: (name) => `address ${name}`,
  words: 1,
  write(value, words, at) {
    const bytes = addressToBytes(value);
    if (bytes === undefined) return false;
    words.set(bytes, at + WORD_BYTES - bytes.length);
    return true;
  },
  toWire(value) {
    const bytes = addressToBytes(value);
    return bytes === undefined || isZero(bytes) ? new Uint8Array(0) : bytes;
  },
  fromWire(wire) {
    if (!(wire instanceof Uint8Array)) return undefined;
    if (wire.length === 0) return addressFromBytes(new Uint8Array(20));
    return wire.length === 20 ? addressFromBytes(wire) : undefined;
  },
  toJson: (value) => value,
  fromJson(json) {
    const bytes = typeof json === 'string' ? addressToBytes(json) : undefined;
    return bytes === undefined ? undefined : addressFromBytes(bytes);
  },
};

/** A peer id; signed as its Ed25519 public key. */
const peer: Kind<string> = {
  declare: (name) => `bytes32 ${name}`,
  words: 1,
  write(value, words, at) {
    const key = peerToKey(value);
    if (key === undefined) return false;
    words.set(key, at);
    return true;
  },
  toWire: (value) => peerToKey(value) ?? new Uint8Array(0),
  fromWire: (wire) => (wire instanceof Uint8Array && wire.length === 32 ? peerFromKey(wire) : undefined),
  toJson: (value) => value,
  fromJson: (json) => (typeof json === 'string' && peerToKey(json) !== undefined ? json : undefined),
};

/** A text within the rule `valid`; `write` says how it becomes words. */
function textKind(
  words: number,
  declare: Kind<string>['declare'],
  valid: (text: string) => boolean,
  write: (text: string, words: Buffer, at: number) => void,
): Kind<string> {
  const read = (text: unknown): string | undefined => (typeof text === 'string' && valid(text) ? text : undefined);
  return {
    declare,
    words,
    write(value, target, at) {
      if (read(value) === undefined) return false;
      write(value, target, at);
      return true;
    },
    toWire: (value) => value,
    fromWire: read,
    toJson: (value) => value,
    fromJson: read,
  };
}

/** What identifies the model's file; the number is signed in the word before the 32 bytes. */
const DIGEST_SCHEMES = new Map([
  ['sha256', 1],
  ['ollama', 2],
]);

/** How a request ended, or `running` in a receipt that a later one of the same request replaces. */
export const RECEIPT_FINISHES = ['running', 'stop', 'length', 'cancelled', 'error'] as const;
export type ReceiptFinish = (typeof RECEIPT_FINISHES)[number];

const finishByName = (json: unknown): ReceiptFinish | undefined => RECEIPT_FINISHES.find((name) => name === json);

export const kinds = {
  uint16: numberKind(16),
  uint32: numberKind(32),
  /** Milliseconds since 1970-01-01T00:00:00Z. */
  time: numberKind(64),
  uint64: bigintKind(64),
  uint128: bigintKind(128),
  bytes16: bytesKind(16),
  bytes32: bytesKind(32),
  address,
  peer,
  /** At most 32 visible ASCII characters, left in one word. */
  label: textKind(
    1,
    (name) => `bytes32 ${name}`,
    isLabel,
    (text, words, at) => words.write(text, at, 'latin1'),
  ),
  /** A model's name: hashed. */
  name: textKind(
    1,
    (name) => `string ${name}`,
    isModelName,
    (text, words, at) => words.set(keccak256(utf8(text)), at),
  ),
  /** `sha256:<hex>`, `ollama:<hex>` or empty: a scheme's number, then 32 bytes. */
  modelDigest: textKind(
    2,
    (name) => `uint8 ${name}Scheme,bytes32 ${name}`,
    isModelDigest,
    (text, words, at) => {
      const [scheme = '', hex = ''] = text.split(':');
      words[at + 31] = DIGEST_SCHEMES.get(scheme) ?? 0;
      words.write(hex, at + WORD_BYTES, 'hex');
    },
  ),
  finish: {
    declare: (name: string) => `uint8 ${name}`,
    words: 1,
    write(value: ReceiptFinish, words: Buffer, at: number) {
      const index = RECEIPT_FINISHES.indexOf(value);
      words[at + 31] = index;
      return index >= 0;
    },
    toWire: (value: ReceiptFinish) => RECEIPT_FINISHES.indexOf(value),
    fromWire: (wire: Wire) => RECEIPT_FINISHES[Number(wire)],
    toJson: (value: ReceiptFinish) => value,
    fromJson: finishByName,
  } satisfies Kind<ReceiptFinish>,
};

export type KindName = keyof typeof kinds;
export type ValueOf<K extends KindName> = (typeof kinds)[K] extends Kind<infer T> ? T : never;
