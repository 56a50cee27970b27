import {writeChangeRequest} from './attributes.ts';
import type {Endpoint} from './endpoint.ts';
import {createEndpoint} from './endpoint.ts';
import {readErrorCode} from './error-code.ts';
import {MessageBuilder} from './message-builder.ts';
import {decodeMessage} from './message.ts';
import type {StunMessage} from './message.ts';
import {ATTRIBUTE, CLASS, METHOD} from './types.ts';
import {readAddress, readXorAddress} from './xor-address.ts';
import type {TransportAddress} from './xor-address.ts';

/** From where an RFC 5780 server is asked to answer. */
export interface ChangeRequest {
  address: boolean;
  port: boolean;
}

/** What a server answered to a Binding request. */
export type BindingResult =
  | {
      ok: true;
      /** How the server saw the client. */
      mapped: Endpoint;
      /** Another address and port of the server, if it speaks RFC 5780. */
      otherAddress?: Endpoint;
    }
  /** A code of ERROR-CODE, or 0 for an answer that makes no sense. */
  | {ok: false; code: number};

/** A Binding request with an id of its own, and a FINGERPRINT so that the answer has one too. */
export function bindingRequest(change?: ChangeRequest): {id: string; bytes: Buffer} {
  const builder = new MessageBuilder(METHOD.binding, CLASS.request);
  if (change !== undefined) builder.add(ATTRIBUTE.changeRequest, writeChangeRequest(change));
  const bytes = builder.fingerprint().build();
  return {id: bytes.toString('hex', 8, 20), bytes};
}

/** The id and the content of an answer to a Binding request; undefined for all else. */
export function readBindingAnswer(bytes: Uint8Array): {id: string; result: BindingResult} | undefined {
  const message = decodeMessage(bytes);
  if (message === undefined || message.method !== METHOD.binding) return undefined;
  if (message.class !== CLASS.success && message.class !== CLASS.error) return undefined;
  const id = Buffer.from(message.transactionId).toString('hex');
  return {id, result: message.class === CLASS.success ? readSuccess(message) : readRefusal(message)};
}

function readSuccess(message: StunMessage): BindingResult {
  const xor = message.attribute(ATTRIBUTE.xorMappedAddress);
  const plain = message.attribute(ATTRIBUTE.mappedAddress);
  const mapped =
    xor === undefined
      ? toEndpoint(plain && readAddress(plain))
      : toEndpoint(readXorAddress(xor, message.transactionId));
  // What must be understood of an answer and is not makes it useless (RFC 8489 section 6.3.3).
  if (mapped === undefined || message.unknownRequired.length > 0) return {ok: false, code: 0};
  const other = message.attribute(ATTRIBUTE.otherAddress);
  const otherAddress = toEndpoint(other && readAddress(other));
  return {ok: true, mapped, ...(otherAddress !== undefined && {otherAddress})};
}

function readRefusal(message: StunMessage): BindingResult {
  const value = message.attribute(ATTRIBUTE.errorCode);
  return {ok: false, code: (value && readErrorCode(value)?.code) ?? 0};
}

function toEndpoint(address: TransportAddress | undefined): Endpoint | undefined {
  return address && createEndpoint(address.bytes, address.port);
}
