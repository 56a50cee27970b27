import {describe, expect, it} from 'vitest';

import {writeChangeRequest} from '../../../src/lib/stun/attributes.ts';
import {answerBinding} from '../../../src/lib/stun/binding-server.ts';
import type {AnswerFrom, BindingOrigins} from '../../../src/lib/stun/binding-server.ts';
import {parseEndpoint} from '../../../src/lib/stun/endpoint.ts';
import {readErrorCode} from '../../../src/lib/stun/error-code.ts';
import {MessageBuilder} from '../../../src/lib/stun/message-builder.ts';
import {decodeMessage} from '../../../src/lib/stun/message.ts';
import type {StunMessage} from '../../../src/lib/stun/message.ts';
import {ATTRIBUTE, CLASS, METHOD} from '../../../src/lib/stun/types.ts';
import {readAddress, readXorAddress} from '../../../src/lib/stun/xor-address.ts';
import {readUnknownAttributes} from '../../support/stun-attributes.ts';
import {ID, KEY, PEER4, PEER6} from './support/packets.ts';

const request = (): MessageBuilder => new MessageBuilder(METHOD.binding, CLASS.request, ID);
const ORIGINS: BindingOrigins = {
  same: parseEndpoint('192.0.2.1', 3478)!,
  'other-port': parseEndpoint('192.0.2.1', 3479)!,
  'other-address': parseEndpoint('192.0.2.2', 3478)!,
  'other-both': parseEndpoint('192.0.2.2', 3479)!,
};

function answer(
  builder: MessageBuilder,
  origins?: BindingOrigins,
  remote = PEER4,
): {message: StunMessage; from: AnswerFrom; port: number} {
  const given = answerBinding(decodeMessage(builder.build())!, remote, origins)!;
  return {message: decodeMessage(Uint8Array.from(given.bytes))!, from: given.from, port: given.to.port};
}
const errorOf = (message: StunMessage): number | undefined =>
  readErrorCode(message.attribute(ATTRIBUTE.errorCode)!)?.code;

describe('answerBinding', () => {
  it.each([PEER4, PEER6])('tells where the request came from', (remote) => {
    const {message, from} = answer(request(), undefined, remote);
    expect([message.method, message.class, from]).toEqual([METHOD.binding, CLASS.success, 'same']);
    expect(Buffer.from(message.transactionId)).toEqual(ID);
    expect(readXorAddress(message.attribute(ATTRIBUTE.xorMappedAddress)!, ID)).toEqual({
      bytes: remote.bytes,
      port: remote.port,
    });
    expect(message.bytes.length).toBe(20 + 8 + remote.bytes.length);
  });

  it('gives a FINGERPRINT to who gave one', () => {
    expect(answer(request().fingerprint()).message.fingerprinted).toBe(true);
    expect(answer(request()).message.fingerprinted).toBe(false);
    expect(answer(request().flag(0x7777).fingerprint()).message.fingerprinted).toBe(true);
  });

  it('does not mind credentials, as nobody needs any', () => {
    expect(answer(request().add(ATTRIBUTE.username, 'a').integrity(KEY, 'sha1')).message.class).toBe(CLASS.success);
  });

  it('answers nothing but Binding requests', () => {
    for (const [method, messageClass] of [
      [METHOD.binding, CLASS.indication],
      [METHOD.binding, CLASS.success],
      [METHOD.binding, CLASS.error],
      [METHOD.allocate, CLASS.request],
    ] as const) {
      expect(answerBinding(decodeMessage(new MessageBuilder(method, messageClass).build())!, PEER4)).toBeUndefined();
    }
  });

  it('names what it does not know, 420', () => {
    const {message} = answer(request().flag(0x0024).flag(0x002a).flag(0x9999));
    expect(message.class).toBe(CLASS.error);
    expect(errorOf(message)).toBe(420);
    expect(readUnknownAttributes(message.attribute(ATTRIBUTE.unknownAttributes)!)).toEqual([0x0024, 0x002a]);
  });

  it('is never more than three times the request, and without RFC 5780 at most 1.6 times for IPv4', () => {
    expect(answer(request()).message.bytes.length / 20).toBeLessThanOrEqual(1.6);
    expect(answer(request(), ORIGINS).message.bytes.length / 20).toBeLessThanOrEqual(3);
  });
});

describe('RFC 5780', () => {
  const change = (address: boolean, port: boolean): MessageBuilder =>
    request().add(ATTRIBUTE.changeRequest, writeChangeRequest({address, port}));

  it.each<[boolean, boolean, AnswerFrom]>([
    [false, false, 'same'],
    [false, true, 'other-port'],
    [true, false, 'other-address'],
    [true, true, 'other-both'],
  ])(
    'CHANGE-REQUEST address %s, port %s is answered from %s, which RESPONSE-ORIGIN says',
    (address, port, expected) => {
      const {message, from} = answer(change(address, port), ORIGINS);
      expect(from).toBe(expected);
      const origin = readAddress(message.attribute(ATTRIBUTE.responseOrigin)!)!;
      expect([origin.bytes, origin.port]).toEqual([ORIGINS[expected].bytes, ORIGINS[expected].port]);
      const other = readAddress(message.attribute(ATTRIBUTE.otherAddress)!)!;
      expect([other.bytes, other.port]).toEqual([ORIGINS['other-both'].bytes, 3479]);
    },
  );

  it('is offered without being asked for', () => {
    expect(answer(request(), ORIGINS).message.has(ATTRIBUTE.otherAddress)).toBe(true);
    expect(answer(request()).message.has(ATTRIBUTE.otherAddress)).toBe(false);
  });

  it('has three unknown attributes where there is one address, and bad ones where they are malformed', () => {
    const {message} = answer(change(true, true).add(ATTRIBUTE.responsePort, Buffer.alloc(4)).flag(ATTRIBUTE.padding));
    expect(errorOf(message)).toBe(420);
    const unknown = [ATTRIBUTE.changeRequest, ATTRIBUTE.padding, ATTRIBUTE.responsePort];
    expect(readUnknownAttributes(message.attribute(ATTRIBUTE.unknownAttributes)!)).toEqual(unknown);
    expect(errorOf(answer(request().add(ATTRIBUTE.changeRequest, Buffer.alloc(2)), ORIGINS).message)).toBe(400);
    expect(errorOf(answer(request().add(ATTRIBUTE.responsePort, Buffer.alloc(2)), ORIGINS).message)).toBe(400);
  });

  it('answers to the port that RESPONSE-PORT says, but neither a refusal nor anything large', () => {
    const port = Buffer.from('12340000', 'hex');
    expect(answer(request().add(ATTRIBUTE.responsePort, port), ORIGINS).port).toBe(0x1234);
    expect(answer(request(), ORIGINS).port).toBe(PEER4.port);
    const unknown = answer(request().add(ATTRIBUTE.responsePort, port).flag(0x7777), ORIGINS);
    expect([errorOf(unknown.message), unknown.port]).toEqual([420, PEER4.port]);
    const padded = answer(request().add(ATTRIBUTE.responsePort, port).add(ATTRIBUTE.padding, 'x'), ORIGINS);
    expect([errorOf(padded.message), padded.port]).toEqual([400, PEER4.port]);
  });

  it('pads the answer as far as the request was padded', () => {
    const lengthFor = (length: number): number | undefined =>
      answer(request().add(ATTRIBUTE.padding, Buffer.alloc(length, 1)), ORIGINS).message.attribute(ATTRIBUTE.padding)
        ?.length;
    expect([lengthFor(0), lengthFor(1500), lengthFor(60_000)]).toEqual([0, 1500, 2048]);
  });
});
