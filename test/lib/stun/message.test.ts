import * as fc from 'fast-check';
import {describe, expect, it} from 'vitest';

import {verifyIntegrity} from '../../../src/lib/stun/integrity.ts';
import {MessageBuilder} from '../../../src/lib/stun/message-builder.ts';
import {decodeMessage} from '../../../src/lib/stun/message.ts';
import {ATTRIBUTE, CLASS, classOf, messageType, METHOD, methodOf} from '../../../src/lib/stun/types.ts';
import type {MessageClass} from '../../../src/lib/stun/types.ts';
import {ID, KEY} from './support/packets.ts';

const request = (): MessageBuilder => new MessageBuilder(METHOD.allocate, CLASS.request, ID);
const refit = (bytes: Buffer): Buffer => {
  bytes.writeUInt16BE(bytes.length - 20, 2);
  return bytes;
};
/** An attribute as it stands in a message. */
const raw = (type: number, value: Uint8Array): Buffer => {
  const bytes = Buffer.alloc(4 + ((value.length + 3) & ~3));
  bytes.writeUInt16BE(type, 0);
  bytes.writeUInt16BE(value.length, 2);
  bytes.set(value, 4);
  return bytes;
};

const own: readonly number[] = [ATTRIBUTE.messageIntegrity, ATTRIBUTE.messageIntegritySha256, ATTRIBUTE.fingerprint];
const attribute = fc.record({
  type: fc.integer({min: 0, max: 0xffff}).filter((type) => !own.includes(type)),
  value: fc.uint8Array({maxLength: 40}),
});

describe('a message that was built', () => {
  it('is decoded as it was', () => {
    fc.assert(
      fc.property(
        fc.record({
          method: fc.integer({min: 0, max: 0xfff}),
          messageClass: fc.constantFrom<MessageClass>(0, 1, 2, 3),
          id: fc.uint8Array({minLength: 12, maxLength: 12}),
          attributes: fc.array(attribute, {maxLength: 12}),
          algorithms: fc.subarray(['sha1', 'sha256'] as const),
          fingerprint: fc.boolean(),
        }),
        ({method, messageClass, id, attributes, algorithms, fingerprint}) => {
          const builder = new MessageBuilder(method, messageClass, id);
          for (const {type, value} of attributes) builder.add(type, value);
          for (const algorithm of algorithms) builder.integrity(KEY, algorithm);
          if (fingerprint) builder.fingerprint();
          const message = decodeMessage(builder.build())!;
          expect([message.method, message.class, message.fingerprinted]).toEqual([method, messageClass, fingerprint]);
          expect(Uint8Array.from(message.transactionId)).toEqual(id);
          expect(message.integrityAt !== -1).toBe(algorithms.includes('sha1'));
          expect(message.integritySha256At !== -1).toBe(algorithms.includes('sha256'));
          expect(verifyIntegrity(message, KEY)).toBe(algorithms.length > 0);
          expect(verifyIntegrity(message, Buffer.from('another key'))).toBe(false);
          for (const {type} of attributes) {
            const first = attributes.find((one) => one.type === type)!;
            expect(Uint8Array.from(message.attribute(type)!)).toEqual(Uint8Array.from(first.value));
          }
        },
      ),
      {numRuns: 500},
    );
  });

  it('pads with zeros, whatever the memory held before', () => {
    for (let round = 0; round < 200; round++) {
      Buffer.allocUnsafe(256).fill(0xff);
      const bytes = request().add(ATTRIBUTE.username, 'a').build();
      expect([...bytes.subarray(-4)]).toEqual([0x61, 0, 0, 0]);
    }
  });

  it('has an id that is new each time', () => {
    const ids = Array.from({length: 100}, () =>
      new MessageBuilder(METHOD.binding, CLASS.request).build().toString('hex'),
    );
    expect(new Set(ids).size).toBe(100);
  });

  it('is never longer than its length field can say', () => {
    expect(decodeMessage(request().add(ATTRIBUTE.data, Buffer.alloc(0xfff8)).build())).toBeDefined();
    expect(() => request().add(ATTRIBUTE.data, Buffer.alloc(0xfff9))).toThrow(RangeError);
    expect(() => request().add(ATTRIBUTE.data, Buffer.alloc(0xfff8)).fingerprint()).toThrow(RangeError);
    expect(() => new MessageBuilder(METHOD.binding, CLASS.request, Buffer.alloc(16))).toThrow(RangeError);
  });
});

describe('message types', () => {
  it('interleave method and class without loss', () => {
    for (let method = 0; method <= 0xfff; method++) {
      for (const messageClass of Object.values(CLASS)) {
        const type = messageType(method, messageClass);
        expect(type).toBeLessThan(0x4000);
        if (methodOf(type) !== method || classOf(type) !== messageClass) expect.fail(`${method} ${messageClass}`);
      }
    }
    expect(messageType(METHOD.binding, CLASS.success)).toBe(0x0101);
    expect(messageType(METHOD.allocate, CLASS.error)).toBe(0x0113);
  });
});

describe('behind an integrity attribute', () => {
  it('nothing counts but FINGERPRINT', () => {
    const smuggled = raw(ATTRIBUTE.xorPeerAddress, Buffer.from('0001a147e112a643', 'hex'));
    const unknown = raw(0x0077, Buffer.alloc(4));
    for (const algorithm of ['sha1', 'sha256'] as const) {
      const signed = request().add(ATTRIBUTE.username, 'alice').integrity(KEY, algorithm).build();
      const message = decodeMessage(refit(Buffer.concat([signed, smuggled, unknown])))!;
      expect(verifyIntegrity(message, KEY)).toBe(true);
      expect(message.has(ATTRIBUTE.username)).toBe(true);
      expect(message.has(ATTRIBUTE.xorPeerAddress)).toBe(false);
      expect(message.unknownRequired).toEqual([]);
    }
  });

  it('a MESSAGE-INTEGRITY-SHA256 counts after a MESSAGE-INTEGRITY, and not the other way round', () => {
    const both = decodeMessage(request().integrity(KEY, 'sha1').integrity(KEY, 'sha256').build())!;
    expect([verifyIntegrity(both, KEY, 'sha1'), verifyIntegrity(both, KEY, 'sha256')]).toEqual([true, true]);
    const reversed = decodeMessage(request().integrity(KEY, 'sha256').integrity(KEY, 'sha1').build())!;
    expect([verifyIntegrity(reversed, KEY, 'sha1'), verifyIntegrity(reversed, KEY, 'sha256')]).toEqual([false, true]);
  });

  it('a second integrity attribute of the same kind does not count', () => {
    const message = decodeMessage(request().integrity(KEY, 'sha1').integrity(Buffer.from('forged'), 'sha1').build())!;
    expect(verifyIntegrity(message, KEY)).toBe(true);
    expect(verifyIntegrity(message, Buffer.from('forged'))).toBe(false);
  });

  it('one of two that is wrong makes the message wrong', () => {
    const message = decodeMessage(request().integrity(KEY, 'sha1').integrity(Buffer.from('forged'), 'sha256').build())!;
    expect(verifyIntegrity(message, KEY)).toBe(false);
  });

  it('a digest that was cut short is not accepted', () => {
    const whole = request().integrity(KEY, 'sha256').build();
    for (const length of [16, 20, 28]) {
      const short = raw(ATTRIBUTE.messageIntegritySha256, whole.subarray(24, 24 + length));
      const message = decodeMessage(refit(Buffer.concat([whole.subarray(0, 20), short])))!;
      expect(verifyIntegrity(message, KEY)).toBe(false);
    }
  });
});

describe('decodeMessage refuses', () => {
  const whole = request().add(ATTRIBUTE.username, 'alice').build();
  const changed = (change: (bytes: Buffer) => void): Buffer => {
    const bytes = Buffer.from(whole);
    change(bytes);
    return bytes;
  };
  it.each<[string, Uint8Array]>([
    ['nothing', Buffer.alloc(0)],
    ['half a header', whole.subarray(0, 19)],
    ['a missing end', whole.subarray(0, -4)],
    ['bytes behind the end', Buffer.concat([whole, Buffer.alloc(4)])],
    ['a wrong cookie', changed((bytes) => bytes.writeUInt32BE(0x2112a443, 4))],
    ['the first bit set', changed((bytes) => bytes.writeUInt8(0x80, 0))],
    ['the bit of ChannelData', changed((bytes) => bytes.writeUInt8(0x40, 0))],
    ['a length that is not a multiple of four', refit(Buffer.concat([whole, Buffer.alloc(2)]))],
    ['an attribute longer than the message', changed((bytes) => bytes.writeUInt16BE(9, 22))],
    ['an attribute of 65,535 bytes', changed((bytes) => bytes.writeUInt16BE(0xffff, 22))],
    ['a short MESSAGE-INTEGRITY', refit(Buffer.concat([whole, raw(ATTRIBUTE.messageIntegrity, Buffer.alloc(16))]))],
    ['a short SHA-256', refit(Buffer.concat([whole, raw(ATTRIBUTE.messageIntegritySha256, Buffer.alloc(12))]))],
    ['a long SHA-256', refit(Buffer.concat([whole, raw(ATTRIBUTE.messageIntegritySha256, Buffer.alloc(36))]))],
    ['a wrong FINGERPRINT', refit(Buffer.concat([whole, raw(ATTRIBUTE.fingerprint, Buffer.alloc(4))]))],
    [
      'a FINGERPRINT that is not last',
      refit(Buffer.concat([request().fingerprint().build(), raw(0x8022, Buffer.alloc(4))])),
    ],
  ])('%s', (_, bytes) => expect(decodeMessage(bytes)).toBeUndefined());

  it('more attributes than anyone sends', () => {
    const many = (count: number): Buffer =>
      refit(Buffer.concat([whole.subarray(0, 20), ...Array.from({length: count}, () => raw(0x8022, Buffer.alloc(0)))]));
    expect(decodeMessage(many(64))).toBeDefined();
    expect(decodeMessage(many(65))).toBeUndefined();
  });
});

describe('attributes that must be understood and are not', () => {
  it('are listed once each, in order', () => {
    const message = decodeMessage(
      request().flag(0x7fff).flag(0x8fff).flag(ATTRIBUTE.dontFragment).flag(0x7fff).build(),
    )!;
    expect(message.unknownRequired).toEqual([0x7fff, ATTRIBUTE.dontFragment]);
  });
});
