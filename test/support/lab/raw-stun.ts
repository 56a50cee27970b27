import {createHash, createHmac, randomBytes} from 'node:crypto';
import {isIPv6} from 'node:net';
import {crc32} from 'node:zlib';

/*
 * STUN as bytes, written a second time and on purpose without the library: tests that look at a server from outside
 * must not share its mistakes. It can also build what no honest client sends.
 */

export const METHOD = {
  binding: 0x001,
  allocate: 0x003,
  refresh: 0x004,
  send: 0x006,
  data: 0x007,
  createPermission: 0x008,
  channelBind: 0x009,
} as const;

export const TYPE = {
  mappedAddress: 0x0001,
  changeRequest: 0x0003,
  username: 0x0006,
  messageIntegrity: 0x0008,
  errorCode: 0x0009,
  unknownAttributes: 0x000a,
  channelNumber: 0x000c,
  lifetime: 0x000d,
  xorPeerAddress: 0x0012,
  data: 0x0013,
  realm: 0x0014,
  nonce: 0x0015,
  xorRelayedAddress: 0x0016,
  requestedAddressFamily: 0x0017,
  evenPort: 0x0018,
  requestedTransport: 0x0019,
  dontFragment: 0x001a,
  messageIntegritySha256: 0x001c,
  passwordAlgorithm: 0x001d,
  xorMappedAddress: 0x0020,
  reservationToken: 0x0022,
  additionalAddressFamily: 0x8000,
  addressErrorCode: 0x8001,
  passwordAlgorithms: 0x8002,
  software: 0x8022,
  fingerprint: 0x8028,
  responseOrigin: 0x802b,
  otherAddress: 0x802c,
} as const;

const CLASS = {request: 0x000, indication: 0x010, success: 0x100, error: 0x110} as const;
const COOKIE = 0x2112a442;
const FINGERPRINT_MASK = 0x5354554e;

export type Attribute = readonly [type: number, value: Uint8Array];

export interface RawMessage {
  method: number;
  class: keyof typeof CLASS;
  id: Buffer;
  attributes: (Attribute & {offset?: number})[];
  bytes: Buffer;
  /** Of an error. */
  code?: number;
}

export interface Build {
  method: number;
  class?: keyof typeof CLASS;
  id?: Uint8Array;
  attributes?: readonly Attribute[];
  /** Adds MESSAGE-INTEGRITY, or -SHA256. */
  key?: Uint8Array;
  sha256?: boolean;
  /** What comes after the MESSAGE-INTEGRITY. */
  after?: readonly Attribute[];
  fingerprint?: boolean;
}

export function build({
  method,
  class: kind = 'request',
  id = randomBytes(12),
  attributes = [],
  ...rest
}: Build): Buffer {
  const type = (method & 0x0f) | ((method & 0x70) << 1) | ((method & 0xf80) << 2) | CLASS[kind];
  const header = Buffer.alloc(20);
  header.writeUInt16BE(type, 0);
  header.writeUInt32BE(COOKIE, 4);
  header.set(id, 8);
  let bytes = Buffer.concat([header, ...attributes.map(encode)]);
  if (rest.key !== undefined) {
    const [kindOfMac, hash, length] = rest.sha256
      ? ([TYPE.messageIntegritySha256, 'sha256', 32] as const)
      : ([TYPE.messageIntegrity, 'sha1', 20] as const);
    setLength(bytes, bytes.length - 20 + 4 + length);
    const mac = createHmac(hash, rest.key).update(bytes).digest();
    bytes = Buffer.concat([bytes, encode([kindOfMac, mac])]);
  }
  bytes = Buffer.concat([bytes, ...(rest.after ?? []).map(encode)]);
  if (rest.fingerprint) {
    setLength(bytes, bytes.length - 20 + 8);
    bytes = Buffer.concat([bytes, encode([TYPE.fingerprint, uint32((crc32(bytes) ^ FINGERPRINT_MASK) >>> 0)])]);
  }
  setLength(bytes, bytes.length - 20);
  return bytes;
}

export function parse(bytes: Buffer): RawMessage | undefined {
  if (bytes.length < 20 || bytes[0]! > 3 || bytes.readUInt32BE(4) !== COOKIE) return undefined;
  if (bytes.readUInt16BE(2) !== bytes.length - 20) return undefined;
  const type = bytes.readUInt16BE(0);
  const method = (type & 0x0f) | ((type >> 1) & 0x70) | ((type >> 2) & 0xf80);
  const kinds = Object.entries(CLASS) as [keyof typeof CLASS, number][];
  const kind = kinds.find(([, bits]) => bits === (type & 0x110))![0];
  const message: RawMessage = {method, class: kind, id: bytes.subarray(8, 20), attributes: [], bytes};
  for (let at = 20; at + 4 <= bytes.length;) {
    const length = bytes.readUInt16BE(at + 2);
    const attribute: Attribute & {offset?: number} = [bytes.readUInt16BE(at), bytes.subarray(at + 4, at + 4 + length)];
    attribute.offset = at;
    message.attributes.push(attribute);
    at += 4 + length + (-length & 3);
  }
  const error = valueOf(message, TYPE.errorCode);
  if (error !== undefined) message.code = error[2]! * 100 + error[3]!;
  return message;
}

export function valueOf(message: RawMessage | undefined, type: number): Buffer | undefined {
  return message?.attributes.find(([one]) => one === type)?.[1] as Buffer | undefined;
}

/** Whether a message's MESSAGE-INTEGRITY is that of this key. */
export function isSigned(message: RawMessage, key: Uint8Array): boolean {
  const mac = message.attributes.find(([type]) => type === TYPE.messageIntegrity);
  if (mac?.offset === undefined) return false;
  const covered = Buffer.from(message.bytes.subarray(0, mac.offset));
  setLength(covered, mac.offset - 20 + 24);
  return createHmac('sha1', key).update(covered).digest().equals(mac[1]);
}

export function hasFingerprint(message: RawMessage): boolean {
  const found = message.attributes.at(-1);
  if (found?.[0] !== TYPE.fingerprint) return false;
  const crc = crc32(message.bytes.subarray(0, -8));
  return Buffer.from(found[1]).readUInt32BE() === (crc ^ FINGERPRINT_MASK) >>> 0;
}

export function longTermKey(user: string, realm: string, password: string, hash: 'md5' | 'sha256' = 'md5'): Buffer {
  return createHash(hash).update(`${user}:${realm}:${password}`).digest();
}

/** The value of an XOR-…-ADDRESS; `id` matters for IPv6 only. */
export function xorAddress(address: string, port: number, id: Uint8Array): Buffer {
  const bytes = addressBytes(address);
  const mask = Buffer.concat([uint32(COOKIE), id]);
  return Buffer.concat([
    Buffer.of(0, bytes.length === 4 ? 1 : 2),
    uint16(port ^ (COOKIE >>> 16)),
    bytes.map((byte, i) => byte ^ mask[i]!),
  ]);
}

export function readXorAddress(value: Buffer | undefined, id: Uint8Array): {address: string; port: number} | undefined {
  if (value === undefined) return undefined;
  const mask = Buffer.concat([uint32(COOKIE), id]);
  const bytes = value.subarray(4).map((byte, i) => byte ^ mask[i]!);
  return {address: addressText(bytes), port: value.readUInt16BE(2) ^ (COOKIE >>> 16)};
}

export function addressBytes(address: string): Buffer {
  if (!isIPv6(address)) return Buffer.from(address.split('.').map(Number));
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address);
  const plain =
    dotted === null
      ? address
      : `${dotted[1]}${(Number(dotted[2]) * 256 + Number(dotted[3])).toString(16)}:${(Number(dotted[4]) * 256 + Number(dotted[5])).toString(16)}`;
  const [before = '', after] = plain.split('::');
  const [head, tail] = [before, after ?? ''].map((part) => part.split(':').filter(Boolean));
  const zeros = Array.from<string>({length: after === undefined ? 0 : 8 - head!.length - tail!.length}).fill('0');
  return Buffer.concat([...head!, ...zeros, ...tail!].map((group) => uint16(Number.parseInt(group, 16))));
}

/** Not shortened for IPv6: compare what comes from here only. */
function addressText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  return Buffer.from(bytes)
    .toString('hex')
    .match(/.{4}/g)!
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':');
}

export const sameAddress = (a: string, b: string): boolean => addressBytes(a).equals(addressBytes(b));
export const uint16 = (value: number): Buffer => Buffer.of(value >> 8, value & 0xff);
export const uint32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
};

export function channelData(channel: number, payload: Uint8Array, {pad = false} = {}): Buffer {
  const padding = Buffer.alloc(pad ? -payload.length & 3 : 0);
  return Buffer.concat([uint16(channel), uint16(payload.length), payload, padding]);
}

function encode([type, value]: Attribute): Buffer {
  return Buffer.concat([uint16(type), uint16(value.length), value, Buffer.alloc(-value.length & 3)]);
}

function setLength(bytes: Buffer, length: number): void {
  bytes.writeUInt16BE(length, 2);
}

/** The padding bytes of each message and ChannelData in a piece of a stream. */
export function paddingsOf(bytes: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; at + 4 <= bytes.length;) {
    const length = bytes.readUInt16BE(at + 2);
    if (bytes[at]! >= 0x40) {
      found.push(bytes.subarray(at + 4 + length, at + 4 + length + (-length & 3)));
      at += 4 + length + (-length & 3);
      continue;
    }
    const message = bytes.subarray(at, at + 20 + length);
    for (const {offset} of parse(message)?.attributes ?? []) {
      const size = message.readUInt16BE(offset! + 2);
      found.push(message.subarray(offset! + 4 + size, offset! + 4 + size + (-size & 3)));
    }
    at += 20 + length;
  }
  return found.filter((padding) => padding.length > 0);
}
