import {createHmac, timingSafeEqual} from 'node:crypto';

import {WireError, WireReader, WireWriter} from './bytes.ts';
import {appendAdditional, CLASS, RCODES, TYPE_TSIG, type IncomingMessage} from './message.ts';

/** A shared key of a zone's server (RFC 8945). */
export interface TsigKey {
  /** As the server knows it. */
  name: string;
  algorithm: TsigAlgorithm;
  secret: Buffer;
}

const ALGORITHMS = {'hmac-sha256': 'sha256', 'hmac-sha384': 'sha384', 'hmac-sha512': 'sha512'} as const;
export type TsigAlgorithm = keyof typeof ALGORITHMS;
export const TSIG_ALGORITHMS = Object.keys(ALGORITHMS) as readonly TsigAlgorithm[];

/** How far two clocks may be apart (RFC 8945 section 10). */
const FUDGE_SECONDS = 300;
const HEADER_BYTES = 12;
/** As many messages of a transfer may follow one another without a signature (RFC 8945 section 5.3.1). */
const MAX_UNSIGNED = 99;

/** The message with its signature behind it, and the MAC that the answer is bound to. */
export function signMessage(message: Buffer, key: TsigKey, nowSeconds: number): {bytes: Buffer; mac: Buffer} {
  const mac = digest(key, [message, variables(key, nowSeconds, FUDGE_SECONDS, 0, Buffer.alloc(0))]);
  const data = new WireWriter()
    .name(key.algorithm)
    .u48(nowSeconds)
    .u16(FUDGE_SECONDS)
    .u16(mac.length)
    .raw(mac)
    .u16(message.readUInt16BE(0))
    .u16(0)
    .u16(0)
    .build();
  const record = {name: key.name, type: TYPE_TSIG, class: CLASS.any, ttlSeconds: 0, data};
  return {bytes: appendAdditional(message, record), mac};
}

/**
 * Checks the answers to one signed request: of a transfer's many messages only some are signed, each over all since
 * the one before (RFC 8945 section 5.3.1).
 */
export class TsigVerifier {
  readonly #key: TsigKey;
  #previous: Buffer;
  #unsigned: Buffer[] = [];
  #first = true;

  constructor(key: TsigKey, requestMac: Buffer) {
    this.#key = key;
    this.#previous = requestMac;
  }

  /** Whether everything so far stands under a signature. */
  get complete(): boolean {
    return !this.#first && this.#unsigned.length === 0;
  }

  /** Throws a WireError when the signature is not right, or tells of an error of the server's. */
  check(bytes: Buffer, {tsig}: IncomingMessage, nowSeconds: number): void {
    if (tsig === undefined) {
      if (this.#first || this.#unsigned.length === MAX_UNSIGNED) throw new WireError('the answer is not signed');
      this.#unsigned.push(bytes);
      return;
    }
    const {time, fudge, mac, error, other} = readTsig(tsig.data);
    if (mac.length === 0 && error !== 0)
      throw new WireError(`the server refused the key: ${RCODES.get(error) ?? error}`);
    const sized = new WireWriter().u16(this.#previous.length).raw(this.#previous).build();
    const tail = this.#first
      ? variables(this.#key, time, fudge, error, other)
      : new WireWriter().u48(time).u16(fudge).build();
    const expected = digest(this.#key, [sized, ...this.#unsigned, withoutTsig(bytes, tsig.start), tail]);
    if (mac.length !== expected.length || !timingSafeEqual(mac, expected)) {
      throw new WireError('the signature of the answer is wrong');
    }
    if (error !== 0) throw new WireError(`the server refused the request: ${RCODES.get(error) ?? error}`);
    if (Math.abs(nowSeconds - time) > fudge) throw new WireError('the clocks of server and client are too far apart');
    this.#previous = mac;
    this.#unsigned = [];
    this.#first = false;
  }
}

function readTsig(data: Buffer): {time: number; fudge: number; mac: Buffer; error: number; other: Buffer} {
  const reader = new WireReader(data);
  reader.name();
  const time = reader.u48();
  const fudge = reader.u16();
  const mac = reader.take(reader.u16());
  reader.u16();
  const error = reader.u16();
  return {time, fudge, mac, error, other: reader.take(reader.u16())};
}

/** What is signed beside the message (RFC 8945 section 4.3.3). */
function variables({name, algorithm}: TsigKey, time: number, fudge: number, error: number, other: Buffer): Buffer {
  const writer = new WireWriter().name(name.toLowerCase()).u16(CLASS.any).u32(0).name(algorithm);
  return writer.u48(time).u16(fudge).u16(error).u16(other.length).raw(other).build();
}

/** The message as it was before it got its signature. */
function withoutTsig(bytes: Buffer, start: number): Buffer {
  const message = Buffer.from(bytes.subarray(0, start));
  message.writeUInt16BE(message.readUInt16BE(HEADER_BYTES - 2) - 1, HEADER_BYTES - 2);
  return message;
}

function digest({algorithm, secret}: TsigKey, parts: readonly Buffer[]): Buffer {
  const hmac = createHmac(ALGORITHMS[algorithm], secret);
  for (const part of parts) hmac.update(part);
  return hmac.digest();
}
