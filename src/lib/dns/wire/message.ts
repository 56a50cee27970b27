import type {SingleRecord} from '../model/record-set.ts';
import {WireError, WireReader, WireWriter} from './bytes.ts';
import {decodeData, typeName, typeNumber} from './rdata.ts';

/** Classes of records; NONE and ANY have meanings of their own in an update (RFC 2136 section 2.4, 2.5). */
export const CLASS = {in: 1, none: 254, any: 255} as const;
export const OPCODE = {query: 0, update: 5} as const;
export const TYPE_AXFR = 252;
export const TYPE_TSIG = 250;

/** Names of RFC 1035, 2136 and 8945 for what a server answers. */
export const RCODES = new Map([
  [0, 'NOERROR'],
  [1, 'FORMERR'],
  [2, 'SERVFAIL'],
  [3, 'NXDOMAIN'],
  [4, 'NOTIMP'],
  [5, 'REFUSED'],
  [6, 'YXDOMAIN'],
  [7, 'YXRRSET'],
  [8, 'NXRRSET'],
  [9, 'NOTAUTH'],
  [10, 'NOTZONE'],
  [16, 'BADSIG'],
  [17, 'BADKEY'],
  [18, 'BADTIME'],
]);

/** One record as it travels. */
export interface WireRecord {
  name: string;
  type: number;
  class: number;
  ttlSeconds: number;
  data: Buffer;
}

export interface Question {
  name: string;
  type: number;
}

export interface OutgoingMessage {
  id: number;
  opcode: number;
  /** Ask the server to find out elsewhere what it doesn't know. */
  recursion?: boolean;
  question: Question;
  /** Answers; the prerequisites of an update. */
  first?: readonly WireRecord[];
  /** Authority; the changes of an update. */
  second?: readonly WireRecord[];
}

export interface IncomingMessage {
  id: number;
  rcode: number;
  answers: readonly SingleRecord[];
  /** Of the TSIG record that ends the message: where it begins, and its data. */
  tsig?: {start: number; data: Buffer};
}

const HEADER_BYTES = 12;
const RESPONSE_BIT = 0x80_00;
const RECURSION_BIT = 0x01_00;
/** Of one message: nothing that fits into 64 KiB has more. */
const MAX_RECORDS = 6_000;

export function encodeMessage(message: OutgoingMessage): Buffer {
  const {id, opcode, recursion = false, question, first = [], second = []} = message;
  const writer = new WireWriter();
  writer.u16(id).u16((opcode << 11) | (recursion ? RECURSION_BIT : 0));
  writer.u16(1).u16(first.length).u16(second.length).u16(0);
  writer.name(question.name).u16(question.type).u16(CLASS.in);
  for (const record of [...first, ...second]) writeRecord(writer, record);
  return writer.build();
}

/** Throws a WireError for anything that isn't a whole response. */
export function decodeMessage(bytes: Buffer): IncomingMessage {
  const reader = new WireReader(bytes);
  const id = reader.u16();
  const flags = reader.u16();
  if ((flags & RESPONSE_BIT) === 0) throw new WireError('it is not a response');
  const counts = [reader.u16(), reader.u16(), reader.u16(), reader.u16()] as const;
  const [questions, answerCount, authorityCount, additionalCount] = counts;
  if (counts.some((count) => count > MAX_RECORDS)) throw new WireError('it has too many records');
  for (let index = 0; index < questions; index += 1) {
    reader.name();
    reader.take(4);
  }
  const answers: SingleRecord[] = [];
  let tsig: IncomingMessage['tsig'];
  const all = answerCount + authorityCount + additionalCount;
  for (let index = 0; index < all; index += 1) {
    const start = reader.offset;
    const name = reader.name();
    const type = reader.u16();
    reader.u16();
    const ttlSeconds = reader.u32();
    const size = reader.u16();
    if (index < answerCount) {
      answers.push({
        name,
        type: typeName(type),
        ttlSeconds,
        value: reader.part(size, (r) => decodeData(typeName(type), r)),
      });
    } else {
      const data = reader.take(size);
      // RFC 8945 section 5.1.
      if (type === TYPE_TSIG && (index < all - 1 || additionalCount === 0)) {
        throw new WireError('its signature is not at its end');
      }
      if (type === TYPE_TSIG) tsig = {start, data};
    }
  }
  return {id, rcode: flags & 0x0f, answers, ...(tsig !== undefined && {tsig})};
}

export function wireRecord(name: string, type: string, ttlSeconds: number, data: Buffer): WireRecord {
  return {name, type: typeNumber(type), class: CLASS.in, ttlSeconds, data};
}

/** Adds one record to a finished message, in its last section. */
export function appendAdditional(message: Buffer, record: WireRecord): Buffer {
  const writer = new WireWriter();
  writeRecord(writer.raw(message), record);
  const bytes = writer.build();
  bytes.writeUInt16BE(bytes.readUInt16BE(HEADER_BYTES - 2) + 1, HEADER_BYTES - 2);
  return bytes;
}

function writeRecord(writer: WireWriter, {name, type, class: recordClass, ttlSeconds, data}: WireRecord): void {
  writer.name(name).u16(type).u16(recordClass).u32(ttlSeconds).u16(data.length).raw(data);
}
