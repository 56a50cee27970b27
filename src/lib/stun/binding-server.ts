import {readChangeRequest} from './attributes.ts';
import type {Endpoint} from './endpoint.ts';
import {ERROR_CODE, writeErrorCode, writeUnknownAttributes} from './error-code.ts';
import {MessageBuilder} from './message-builder.ts';
import {byteAt, fingerprintOf, HEADER_BYTES} from './message.ts';
import type {StunMessage} from './message.ts';
import {ATTRIBUTE, CLASS, messageType, METHOD} from './types.ts';
import {putAddress, putXorAddress} from './xor-address.ts';

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
}

const SUCCESS = messageType(METHOD.binding, CLASS.success);
/** Three addresses with IPv6 and a fingerprint. */
const MAX_ANSWER_BYTES = HEADER_BYTES + 3 * 24 + 8;

/** Every answer is written here: it is sent before the next one is made. */
const scratch = Buffer.alloc(MAX_ANSWER_BYTES);

/**
 * Answers a Binding request from `remote`; undefined for anything else. Without `origins` CHANGE-REQUEST is an
 * attribute that isn't known. FINGERPRINT is given to who gave it. Nobody is asked who he is, so integrity isn't
 * looked at. (RFC 8489 section 6.3.1, RFC 5780 section 6.1)
 */
export function answerBinding(
  request: StunMessage,
  remote: Pick<Endpoint, 'bytes' | 'port'>,
  origins?: BindingOrigins,
): BindingAnswer | undefined {
  if (request.method !== METHOD.binding || request.class !== CLASS.request) return undefined;
  const change =
    request.locate(ATTRIBUTE.changeRequest) === -1 ? undefined : request.attribute(ATTRIBUTE.changeRequest);
  if (request.unknownRequired.length > 0 || (change !== undefined && origins === undefined)) {
    return refuse(request, ERROR_CODE.unknownAttribute, change !== undefined && origins === undefined);
  }
  const from = change === undefined ? 'same' : answerFrom(change);
  if (from === undefined) return refuse(request, ERROR_CODE.badRequest, false);

  let end = putAnswerHeader(request.bytes);
  end = putAttribute(end, ATTRIBUTE.xorMappedAddress, remote, true);
  if (origins !== undefined) {
    end = putAttribute(end, ATTRIBUTE.responseOrigin, origins[from], false);
    end = putAttribute(end, ATTRIBUTE.otherAddress, origins['other-both'], false);
  }
  if (request.fingerprinted) end = putFingerprint(end);
  else putLength(end);
  return {bytes: scratch.subarray(0, end), from};
}

function answerFrom(changeRequest: Uint8Array): AnswerFrom | undefined {
  const change = readChangeRequest(changeRequest);
  if (change === undefined) return undefined;
  if (change.address) return change.port ? 'other-both' : 'other-address';
  return change.port ? 'other-port' : 'same';
}

function refuse(request: StunMessage, code: number, changeIsUnknown: boolean): BindingAnswer {
  const unknown = changeIsUnknown ? [...request.unknownRequired, ATTRIBUTE.changeRequest] : request.unknownRequired;
  const answer = new MessageBuilder(METHOD.binding, CLASS.error, request.transactionId);
  answer.add(ATTRIBUTE.errorCode, writeErrorCode(code));
  if (code === ERROR_CODE.unknownAttribute) answer.add(ATTRIBUTE.unknownAttributes, writeUnknownAttributes(unknown));
  if (request.fingerprinted) answer.fingerprint();
  return {bytes: answer.build(), from: 'same'};
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
