import {randomFillSync} from 'node:crypto';

import {byteAt, fingerprintOf, HEADER_BYTES, isStun, MAGIC_COOKIE, padded, readUint16, readUint32} from './message.ts';
import {ATTRIBUTE, CLASS, isUnknownRequired, messageType, METHOD} from './types.ts';
import {addressBytes, putXorAddress, readXorInto} from './xor-address.ts';

// What a relay does for each packet: without an object, a copy or a view that it could do without.

/** Channel number and length (RFC 8656 section 12.4). */
export const CHANNEL_DATA_HEADER_BYTES = 4;
/** The most that goes before the data in a Data indication: header, XOR-PEER-ADDRESS with IPv6, header of DATA. */
export const DATA_INDICATION_HEADER_BYTES = HEADER_BYTES + 24 + 4;

const SEND_INDICATION = messageType(METHOD.send, CLASS.indication);
const DATA_INDICATION = messageType(METHOD.data, CLASS.indication);
const INTEGRITY: readonly number[] = [ATTRIBUTE.messageIntegrity, ATTRIBUTE.messageIntegritySha256];

/** The channel of a ChannelData message, from 0x4000 to 0x4FFF, or 0 when the bytes are not one. */
export function channelOf(bytes: Uint8Array): number {
  if (bytes.length < CHANNEL_DATA_HEADER_BYTES || (byteAt(bytes, 0) & 0xf0) !== 0x40) return 0;
  return readUint16(bytes, 2) > bytes.length - CHANNEL_DATA_HEADER_BYTES ? 0 : readUint16(bytes, 0);
}

/** Where the data of a ChannelData message ends, which `channelOf` has found to be one; it begins at 4. */
export function channelDataEnd(bytes: Uint8Array): number {
  return CHANNEL_DATA_HEADER_BYTES + readUint16(bytes, 2);
}

/** Writes the header of a ChannelData message at `at`; padding, on a stream, is the sender's. */
export function putChannelDataHeader(target: Uint8Array, at: number, channel: number, dataBytes: number): void {
  putUint16(target, at, channel);
  putUint16(target, at + 2, dataBytes);
}

/** What a Send indication says; one object is filled again and again. */
export class SendIndication {
  readonly #four = new Uint8Array(4);
  readonly #six = new Uint8Array(16);
  /** Address of the peer, 4 or 16 bytes, good until the next `read`. */
  address: Uint8Array = this.#four;
  port = 0;
  /** The data is `bytes.subarray(dataStart, dataEnd)`. */
  dataStart = 0;
  dataEnd = 0;

  /** Whether bytes that begin as a message are a Send indication, and nothing else. */
  static is(bytes: Uint8Array): boolean {
    return bytes.length >= HEADER_BYTES && readUint16(bytes, 0) === SEND_INDICATION;
  }

  /**
   * Reads a whole Send indication; false where it is to be dropped: malformed, without peer or data, a wrong
   * FINGERPRINT, or an attribute that must be understood and isn't, as DONT-FRAGMENT (RFC 8656 section 11.2).
   */
  read(bytes: Uint8Array): boolean {
    if (!SendIndication.is(bytes) || !isStun(bytes)) return false;
    this.dataStart = -1;
    let hasPeer = false;
    let over = false;
    for (let at = HEADER_BYTES; at < bytes.length;) {
      const type = readUint16(bytes, at);
      const length = readUint16(bytes, at + 2);
      const value = at + 4;
      const next = value + padded(length);
      if (next > bytes.length) return false;
      if (type === ATTRIBUTE.fingerprint) {
        if (length !== 4 || next !== bytes.length || readUint32(bytes, value) !== fingerprintOf(bytes, at))
          return false;
      } else if (over || INTEGRITY.includes(type)) {
        over = true;
      } else if (type === ATTRIBUTE.xorPeerAddress) {
        if (!hasPeer && !this.#readPeer(bytes, value, length)) return false;
        hasPeer = true;
      } else if (type === ATTRIBUTE.data) {
        if (this.dataStart === -1) {
          this.dataStart = value;
          this.dataEnd = value + length;
        }
      } else if (isUnknownRequired(type)) {
        return false;
      }
      at = next;
    }
    return hasPeer && this.dataStart !== -1;
  }

  #readPeer(bytes: Uint8Array, at: number, length: number): boolean {
    const size = addressBytes(bytes, at, length);
    if (size === 0) return false;
    this.address = size === 4 ? this.#four : this.#six;
    this.port = readXorInto(this.address, bytes, at);
    return true;
  }
}

/** Nobody answers an indication: its id must only be hard to guess at first and new each time. */
const nextId = randomFillSync(Buffer.alloc(12));

/** Bytes that go before the data of a Data indication: 36 for a peer with IPv4, 48 with IPv6. */
export function dataIndicationHeaderBytes(peer: {readonly bytes: Uint8Array}): number {
  return HEADER_BYTES + 8 + peer.bytes.length + 4;
}

/**
 * Makes a Data indication around data that lies at `dataAt` in `target`, writing the header before it and the padding
 * behind it (RFC 8656 section 11.5). Gives where it begins; it ends at `dataAt + padded(dataBytes)`. There must be
 * `dataIndicationHeaderBytes(peer)` before, and up to 3 bytes behind.
 */
export function putDataIndication(
  target: Uint8Array,
  dataAt: number,
  dataBytes: number,
  peer: {readonly bytes: Uint8Array; readonly port: number},
): number {
  const header = dataIndicationHeaderBytes(peer);
  const start = dataAt - header;
  const end = dataAt + padded(dataBytes);
  if (start < 0 || end > target.length) throw new RangeError('No room for the header or the padding');
  putUint16(target, start, DATA_INDICATION);
  putUint16(target, start + 2, end - start - HEADER_BYTES);
  putUint16(target, start + 4, MAGIC_COOKIE >>> 16);
  putUint16(target, start + 6, MAGIC_COOKIE & 0xffff);
  nextId.writeUInt32BE((nextId.readUInt32BE(8) + 1) >>> 0, 8);
  for (let index = 0; index < nextId.length; index++) target[start + 8 + index] = byteAt(nextId, index);
  putUint16(target, start + HEADER_BYTES, ATTRIBUTE.xorPeerAddress);
  putUint16(target, start + HEADER_BYTES + 2, 4 + peer.bytes.length);
  putXorAddress(target, start + HEADER_BYTES + 4, peer.bytes, peer.port, target, start + 8);
  putUint16(target, dataAt - 4, ATTRIBUTE.data);
  putUint16(target, dataAt - 2, dataBytes);
  for (let at = dataAt + dataBytes; at < end; at++) target[at] = 0;
  return start;
}

function putUint16(target: Uint8Array, at: number, value: number): void {
  target[at] = value >>> 8;
  target[at + 1] = value & 0xff;
}
