/*
 * The few lines of STUN and TURN (RFC 8489, RFC 8656) that a load needs: written apart from the server's codec, so that
 * the two check each other.
 */
import {createHash, createHmac, randomBytes} from 'node:crypto';

const COOKIE = 0x2112a442;
const HEADER_BYTES = 20;
const INTEGRITY_BYTES = 24;

export const METHOD = {binding: 0x001, allocate: 0x003, permission: 0x008, channel: 0x009, send: 0x016} as const;
export const ATTRIBUTE = {
  username: 0x0006,
  errorCode: 0x0009,
  channelNumber: 0x000c,
  xorPeer: 0x0012,
  data: 0x0013,
  realm: 0x0014,
  nonce: 0x0015,
  xorRelayed: 0x0016,
  requestedTransport: 0x0019,
} as const;

/** An IPv4 address and port. */
export interface Address {
  ip: string;
  port: number;
}

export interface Login {
  username: string;
  password: string;
}

export interface Challenge {
  realm: Buffer;
  nonce: Buffer;
}

export interface Reply {
  success: boolean;
  code: number;
  bytes: Buffer;
  attribute(type: number): Buffer | undefined;
}

export const ipv4 = (ip: string): Buffer => Buffer.from(ip.split('.').map(Number));

export function xorAddress({ip, port}: Address): Buffer {
  const value = Buffer.alloc(8);
  value[1] = 1;
  value.writeUInt16BE(port ^ (COOKIE >>> 16), 2);
  value.writeUInt32BE((ipv4(ip).readUInt32BE() ^ COOKIE) >>> 0, 4);
  return value;
}

export function readXorAddress(value: Buffer): Address {
  const ip = Buffer.alloc(4);
  ip.writeUInt32BE((value.readUInt32BE(4) ^ COOKIE) >>> 0);
  return {ip: ip.join('.'), port: value.readUInt16BE(2) ^ (COOKIE >>> 16)};
}

/** A request, or an indication when `type` says so; with MESSAGE-INTEGRITY when there is a key. */
export function message(type: number, attributes: readonly (readonly [number, Buffer])[], key?: Buffer): Buffer {
  const parts = attributes.map(([attribute, value]) => {
    const part = Buffer.alloc(4 + Math.ceil(value.length / 4) * 4);
    part.writeUInt16BE(attribute);
    part.writeUInt16BE(value.length, 2);
    value.copy(part, 4);
    return part;
  });
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt16BE(type);
  header.writeUInt32BE(COOKIE, 4);
  randomBytes(12).copy(header, 8);
  const body = Buffer.concat([header, ...parts]);
  body.writeUInt16BE(body.length - HEADER_BYTES + (key === undefined ? 0 : INTEGRITY_BYTES), 2);
  if (key === undefined) return body;
  const integrity = Buffer.from([0x00, 0x08, 0x00, 0x14]);
  return Buffer.concat([body, integrity, createHmac('sha1', key).update(body).digest()]);
}

/** A server's answer; undefined when the bytes are none. */
export function readReply(bytes: Buffer): Reply | undefined {
  if (bytes.length < HEADER_BYTES || (bytes[0] ?? 0xff) >= 0x40 || bytes.readUInt32BE(4) !== COOKIE) return undefined;
  const attribute = (type: number): Buffer | undefined => {
    for (let at = HEADER_BYTES; at + 4 <= bytes.length;) {
      const length = bytes.readUInt16BE(at + 2);
      if (bytes.readUInt16BE(at) === type) return bytes.subarray(at + 4, at + 4 + length);
      at += 4 + Math.ceil(length / 4) * 4;
    }
    return undefined;
  };
  const error = attribute(ATTRIBUTE.errorCode);
  const code = error === undefined ? 0 : (error[2] ?? 0) * 100 + (error[3] ?? 0);
  return {success: (bytes.readUInt16BE() & 0x0110) === 0x0100, code, bytes, attribute};
}

export function challengeOf(reply: Reply): Challenge {
  const realm = reply.attribute(ATTRIBUTE.realm);
  const nonce = reply.attribute(ATTRIBUTE.nonce);
  if (realm === undefined || nonce === undefined) throw new Error(`no challenge in an answer with code ${reply.code}`);
  return {realm: Buffer.from(realm), nonce: Buffer.from(nonce)};
}

/** The first Allocate of a client, without credentials: what a server answers with 401. */
export function bareAllocate(): Buffer {
  return message(METHOD.allocate, [[ATTRIBUTE.requestedTransport, Buffer.from([17, 0, 0, 0])]]);
}

export function signed(
  method: number,
  attributes: readonly (readonly [number, Buffer])[],
  login: Login,
  challenge: Challenge,
): Buffer {
  const key = createHash('md5').update(`${login.username}:${challenge.realm.toString()}:${login.password}`).digest();
  return message(
    method,
    [
      ...attributes,
      [ATTRIBUTE.username, Buffer.from(login.username)],
      [ATTRIBUTE.realm, challenge.realm],
      [ATTRIBUTE.nonce, challenge.nonce],
    ],
    key,
  );
}

export function channelData(channel: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(4);
  header.writeUInt16BE(channel);
  header.writeUInt16BE(payload.length, 2);
  return Buffer.concat([header, payload]);
}

export function sendIndication(peer: Address, payload: Buffer): Buffer {
  return message(METHOD.send | 0x0010, [
    [ATTRIBUTE.xorPeer, xorAddress(peer)],
    [ATTRIBUTE.data, payload],
  ]);
}
