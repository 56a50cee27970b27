import {readChangeRequest, readResponsePort} from './attributes.ts';
import type {Endpoint} from './endpoint.ts';
import {createEndpoint} from './endpoint.ts';
import {ERROR_CODE, writeErrorCode, writeUnknownAttributes} from './error-code.ts';
import {MessageBuilder} from './message-builder.ts';
import {byteAt, fingerprintOf, HEADER_BYTES} from './message.ts';
import type {StunMessage} from './message.ts';
import {ATTRIBUTE, CLASS, messageType, METHOD} from './types.ts';
import {putAddress, putXorAddress, writeAddress, writeXorAddress} from './xor-address.ts';

/** Which socket an answer leaves by, seen from the one that was asked (RFC 5780 section 6.1). */
export type AnswerFrom = 'same' | 'other-port' | 'other-address' | 'other-both';

/**
 * The four sockets of an RFC 5780 server as the one that was asked sees them, by their public addresses. UDP only:
 * a stream can't be answered from elsewhere.
 */
export type BindingOrigins = Readonly<Record<AnswerFrom, Endpoint>>;

export interface BindingAnswer {
  /** Valid until the next answer is made. */
  bytes: Uint8Array;
  from: AnswerFrom;
  /** Where to: the remote itself, or the port of it that RESPONSE-PORT says. */
  to: Endpoint;
}

const SUCCESS = messageType(METHOD.binding, CLASS.success);
/** Three addresses with IPv6 and a fingerprint. */
const MAX_ANSWER_BYTES = HEADER_BYTES + 3 * 24 + 8;
/** As much as goes through any Ethernet in pieces; and never more than was asked with. */
const MAX_PADDING_BYTES = 2048;
/** Known only to a server that has somewhere else to answer from (RFC 5780 section 7). */
const OF_RFC_5780 = [ATTRIBUTE.changeRequest, ATTRIBUTE.padding, ATTRIBUTE.responsePort] as const;

/** Ordinary answers are written here: each is sent before the next one is made. */
const scratch = Buffer.alloc(MAX_ANSWER_BYTES);

/**
 * Answers a Binding request from `remote`; undefined for anything else. Without `origins` the attributes of RFC 5780
 * are unknown ones. FINGERPRINT is given to who gave it. Nobody is asked who he is, so integrity isn't looked at.
 * (RFC 8489 section 6.3.1, RFC 5780 section 6.1)
 */
export function answerBinding(
  request: StunMessage,
  remote: Endpoint,
  origins?: BindingOrigins,
): BindingAnswer | undefined {
  if (request.method !== METHOD.binding || request.class !== CLASS.request) return undefined;
  const special = OF_RFC_5780.some((type) => request.has(type));
  if (request.unknownRequired.length > 0 || (special && origins === undefined)) {
    const alsoUnknown = origins === undefined ? OF_RFC_5780.filter((type) => request.has(type)) : [];
    return refuse(request, remote, ERROR_CODE.unknownAttribute, [...request.unknownRequired, ...alsoUnknown]);
  }
  if (special && origins !== undefined) return answerSpecial(request, remote, origins);
  return {bytes: writeSuccess(request, remote, origins, 'same'), from: 'same', to: remote};
}

function answerSpecial(request: StunMessage, remote: Endpoint, origins: BindingOrigins): BindingAnswer {
  const change = request.attribute(ATTRIBUTE.changeRequest);
  const responsePort = request.attribute(ATTRIBUTE.responsePort);
  const padding = request.attribute(ATTRIBUTE.padding);
  const from = change === undefined ? 'same' : answerFrom(change);
  const port = responsePort === undefined ? remote.port : readResponsePort(responsePort);
  // To a third port goes nothing large (RFC 5780 section 6.1).
  if (from === undefined || port === undefined || (padding !== undefined && responsePort !== undefined)) {
    return refuse(request, remote, ERROR_CODE.badRequest, []);
  }
  const to = port === remote.port ? remote : createEndpoint(remote.bytes, port);
  if (padding === undefined) return {bytes: writeSuccess(request, remote, origins, from), from, to};
  const answer = new MessageBuilder(METHOD.binding, CLASS.success, request.transactionId)
    .add(ATTRIBUTE.xorMappedAddress, writeXorAddress(remote, request.transactionId))
    .add(ATTRIBUTE.responseOrigin, writeAddress(origins[from]))
    .add(ATTRIBUTE.otherAddress, writeAddress(origins['other-both']))
    .add(ATTRIBUTE.padding, Buffer.alloc(Math.min(padding.length, MAX_PADDING_BYTES)));
  return {bytes: finish(answer, request), from, to};
}

function answerFrom(changeRequest: Uint8Array): AnswerFrom | undefined {
  const change = readChangeRequest(changeRequest);
  if (change === undefined) return undefined;
  if (change.address) return change.port ? 'other-both' : 'other-address';
  return change.port ? 'other-port' : 'same';
}

function refuse(request: StunMessage, to: Endpoint, code: number, unknown: readonly number[]): BindingAnswer {
  const answer = new MessageBuilder(METHOD.binding, CLASS.error, request.transactionId);
  answer.add(ATTRIBUTE.errorCode, writeErrorCode(code));
  if (code === ERROR_CODE.unknownAttribute) answer.add(ATTRIBUTE.unknownAttributes, writeUnknownAttributes(unknown));
  return {bytes: finish(answer, request), from: 'same', to};
}

function finish(answer: MessageBuilder, request: StunMessage): Buffer {
  return (request.fingerprinted ? answer.fingerprint() : answer).build();
}

function writeSuccess(
  request: StunMessage,
  remote: Endpoint,
  origins: BindingOrigins | undefined,
  from: AnswerFrom,
): Uint8Array {
  let end = putAnswerHeader(request.bytes);
  end = putAttribute(end, ATTRIBUTE.xorMappedAddress, remote, true);
  if (origins !== undefined) {
    end = putAttribute(end, ATTRIBUTE.responseOrigin, origins[from], false);
    end = putAttribute(end, ATTRIBUTE.otherAddress, origins['other-both'], false);
  }
  if (request.fingerprinted) end = putFingerprint(end);
  else putLength(end);
  return scratch.subarray(0, end);
}

/** Type, and the cookie and transaction id of the request. */
function putAnswerHeader(request: Uint8Array): number {
  scratch[0] = SUCCESS >>> 8;
  scratch[1] = SUCCESS & 0xff;
  for (let at = 4; at < HEADER_BYTES; at++) scratch[at] = byteAt(request, at);
  return HEADER_BYTES;
}

function putAttribute(at: number, type: number, {bytes, port}: Pick<Endpoint, 'bytes' | 'port'>, xor: boolean): number {
  const length = 4 + bytes.length;
  scratch[at] = type >>> 8;
  scratch[at + 1] = type & 0xff;
  scratch[at + 2] = 0;
  scratch[at + 3] = length;
  if (xor) putXorAddress(scratch, at + 4, bytes, port, scratch, 8);
  else putAddress(scratch, at + 4, bytes, port);
  return at + 4 + length;
}

function putFingerprint(at: number): number {
  const end = at + 8;
  putLength(end);
  scratch.writeUInt32BE(((ATTRIBUTE.fingerprint << 16) | 4) >>> 0, at);
  scratch.writeUInt32BE(fingerprintOf(scratch, at), at + 4);
  return end;
}

function putLength(end: number): void {
  scratch[2] = 0;
  scratch[3] = end - HEADER_BYTES;
}
