import * as fc from 'fast-check';
import {describe, expect, it} from 'vitest';

import {MessageBuilder} from '../../../src/lib/stun/message-builder.ts';
import {decodeMessage, padded} from '../../../src/lib/stun/message.ts';
import {
  channelDataEnd,
  channelOf,
  DATA_INDICATION_HEADER_BYTES,
  dataIndicationHeaderBytes,
  putChannelDataHeader,
  putDataIndication,
  SendIndication,
} from '../../../src/lib/stun/relay-frames.ts';
import {ATTRIBUTE, CLASS, METHOD} from '../../../src/lib/stun/types.ts';
import {readXorAddress, writeXorAddress} from '../../../src/lib/stun/xor-address.ts';
import {channelData, ID, KEY, PEER4, PEER6} from './support/packets.ts';

const peer = fc.record({
  bytes: fc.oneof(fc.uint8Array({minLength: 4, maxLength: 4}), fc.uint8Array({minLength: 16, maxLength: 16})),
  port: fc.integer({min: 0, max: 0xffff}),
});
const send = (): MessageBuilder => new MessageBuilder(METHOD.send, CLASS.indication, ID);
const PEER = writeXorAddress(PEER4, ID);
const DATA = Buffer.from('hello');

describe('ChannelData', () => {
  it('has a channel and an end, also with padding behind', () => {
    const data = Buffer.alloc(101, 7);
    for (const frame of [channelData(0x4001, data), Buffer.concat([channelData(0x4001, data), Buffer.alloc(3)])]) {
      expect(channelOf(frame)).toBe(0x4001);
      expect(frame.subarray(4, channelDataEnd(frame))).toEqual(data);
    }
    const header = Buffer.alloc(6);
    putChannelDataHeader(header, 2, 0x4fff, 160);
    expect(header).toEqual(Buffer.from('00004fff00a0', 'hex'));
  });

  it.each(['', '40', '400100', '40010001', '3fff0000', '50000000', '7fff0000', '80000000'])('is not %j', (hex) =>
    expect(channelOf(Buffer.from(hex, 'hex'))).toBe(0),
  );
});

describe('SendIndication', () => {
  const indication = new SendIndication();

  it('has the peer and the data', () => {
    fc.assert(
      fc.property(peer, fc.uint8Array({maxLength: 1500}), fc.boolean(), (to, data, fingerprint) => {
        const builder = send().add(ATTRIBUTE.xorPeerAddress, writeXorAddress(to, ID)).add(ATTRIBUTE.data, data);
        const bytes = fingerprint ? builder.fingerprint().build() : builder.build();
        expect(indication.read(bytes)).toBe(true);
        expect([...indication.address]).toEqual([...to.bytes]);
        expect(indication.port).toBe(to.port);
        expect([...bytes.subarray(indication.dataStart, indication.dataEnd)]).toEqual([...data]);
      }),
    );
  });

  it('takes attributes in any order, and the first of two', () => {
    const other = writeXorAddress(PEER6, ID);
    const bytes = send()
      .add(ATTRIBUTE.data, DATA)
      .add(ATTRIBUTE.xorPeerAddress, PEER)
      .add(ATTRIBUTE.xorPeerAddress, other)
      .add(ATTRIBUTE.data, 'x')
      .build();
    expect(indication.read(bytes)).toBe(true);
    expect(indication.port).toBe(PEER4.port);
    expect(bytes.subarray(indication.dataStart, indication.dataEnd)).toEqual(DATA);
  });

  it.each<[string, Uint8Array]>([
    ['nothing', Buffer.alloc(0)],
    ['no peer', send().add(ATTRIBUTE.data, DATA).build()],
    ['no data', send().add(ATTRIBUTE.xorPeerAddress, PEER).build()],
    ['a peer of no family', send().add(ATTRIBUTE.xorPeerAddress, Buffer.alloc(8)).add(ATTRIBUTE.data, DATA).build()],
    [
      'a request',
      new MessageBuilder(METHOD.send, CLASS.request)
        .add(ATTRIBUTE.xorPeerAddress, PEER)
        .add(ATTRIBUTE.data, DATA)
        .build(),
    ],
    [
      'DONT-FRAGMENT',
      send().add(ATTRIBUTE.xorPeerAddress, PEER).flag(ATTRIBUTE.dontFragment).add(ATTRIBUTE.data, DATA).build(),
    ],
    ['a missing end', send().add(ATTRIBUTE.xorPeerAddress, PEER).add(ATTRIBUTE.data, DATA).build().subarray(0, -4)],
    [
      'a peer behind the integrity',
      send().add(ATTRIBUTE.data, DATA).integrity(KEY, 'sha1').add(ATTRIBUTE.xorPeerAddress, PEER).build(),
    ],
  ])('drops one with %s', (_, bytes) => expect(indication.read(bytes)).toBe(false));

  it('drops one with a wrong FINGERPRINT', () => {
    const bytes = send().add(ATTRIBUTE.xorPeerAddress, PEER).add(ATTRIBUTE.data, DATA).fingerprint().build();
    bytes[bytes.length - 1] = bytes.at(-1)! ^ 1;
    expect(indication.read(bytes)).toBe(false);
  });
});

describe('a Data indication', () => {
  it('is made around the data where it lies', () => {
    fc.assert(
      fc.property(peer, fc.uint8Array({maxLength: 1500}), (from, data) => {
        const target = Buffer.alloc(DATA_INDICATION_HEADER_BYTES + padded(data.length), 0xff);
        target.set(data, DATA_INDICATION_HEADER_BYTES);
        const start = putDataIndication(target, DATA_INDICATION_HEADER_BYTES, data.length, from);
        expect(start).toBe(DATA_INDICATION_HEADER_BYTES - dataIndicationHeaderBytes(from));
        const bytes = target.subarray(start);
        const message = decodeMessage(bytes)!;
        expect([message.method, message.class]).toEqual([METHOD.data, CLASS.indication]);
        expect(readXorAddress(message.attribute(ATTRIBUTE.xorPeerAddress)!, message.transactionId)).toEqual(from);
        expect([...message.attribute(ATTRIBUTE.data)!]).toEqual([...data]);
        const behind = bytes.subarray(dataIndicationHeaderBytes(from) + data.length);
        expect([...behind]).toEqual(Array.from({length: behind.length}, () => 0));
      }),
    );
  });

  it('never writes beside the memory it is given', () => {
    const target = Buffer.alloc(100);
    expect(() => putDataIndication(target, 35, 4, PEER4)).toThrow(RangeError);
    expect(() => putDataIndication(target, 47, 4, PEER6)).toThrow(RangeError);
    expect(() => putDataIndication(target, 48, 53, PEER4)).toThrow(RangeError);
  });

  it('has an id that is new each time', () => {
    const target = Buffer.alloc(64);
    const ids = Array.from({length: 300}, () => {
      const start = putDataIndication(target, 48, 8, PEER6);
      return target.toString('hex', start + 8, start + 20);
    });
    expect(new Set(ids).size).toBe(300);
  });
});
