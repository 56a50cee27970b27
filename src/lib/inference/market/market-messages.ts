import {create, fromBinary, toBinary} from '@bufbuild/protobuf';
import type {MessageInitShape} from '@bufbuild/protobuf';

import {MarketQuerySchema, MarketReplySchema} from '../../records/gen/frames_pb.js';
import type {MarketQuery, MarketReply} from '../../records/gen/frames_pb.js';
import {ProtocolViolation} from '../wire/framing.ts';

export type MarketQueryFields = Omit<MessageInitShape<typeof MarketQuerySchema>, '$typeName' | '$unknown'>;
export type MarketReplyFields = Omit<MessageInitShape<typeof MarketReplySchema>, '$typeName' | '$unknown'>;

export function encodeQuery(fields: MarketQueryFields): Uint8Array {
  return toBinary(MarketQuerySchema, create(MarketQuerySchema, fields));
}

export function encodeReply(fields: MarketReplyFields): Uint8Array {
  return toBinary(MarketReplySchema, create(MarketReplySchema, fields));
}

/** Throws `ProtocolViolation`. */
export function decodeQuery(bytes: Uint8Array): MarketQuery {
  return orViolation(() => fromBinary(MarketQuerySchema, bytes));
}

/** Throws `ProtocolViolation`. */
export function decodeReply(bytes: Uint8Array): MarketReply {
  return orViolation(() => fromBinary(MarketReplySchema, bytes));
}

function orViolation<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw new ProtocolViolation('a message is not of the market', {cause});
  }
}
