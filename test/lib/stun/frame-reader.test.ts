import * as fc from 'fast-check';
import {describe, expect, it} from 'vitest';

import {FrameReader} from '../../../src/lib/stun/frame-reader.ts';
import {MessageBuilder} from '../../../src/lib/stun/message-builder.ts';
import {ATTRIBUTE, CLASS, METHOD} from '../../../src/lib/stun/types.ts';
import {bindingRequest, channelData, PACKETS} from './support/packets.ts';

const onStream = (frame: Buffer): Buffer => Buffer.concat([frame, Buffer.alloc(-frame.length & 3)]);

function readAll(chunks: readonly Uint8Array[], reader = new FrameReader()): {frames: Buffer[]; going: boolean} {
  const frames: Buffer[] = [];
  let going = true;
  for (const chunk of chunks) going = reader.push(chunk, (frame) => frames.push(Buffer.from(frame))) && going;
  return {frames, going};
}

describe('FrameReader', () => {
  const stream = Buffer.concat(PACKETS.map(onStream));

  it('finds every frame, however the stream is cut', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({min: 1, max: 60}), {minLength: 1, maxLength: 40}), (cuts) => {
        const chunks: Buffer[] = [];
        for (let at = 0, turn = 0; at < stream.length; turn++) {
          const size = cuts[turn % cuts.length]!;
          chunks.push(stream.subarray(at, at + size));
          at += size;
        }
        expect(readAll(chunks)).toEqual({frames: PACKETS, going: true});
      }),
    );
  });

  it('finds every frame in a stream that comes byte by byte, and keeps nothing after', () => {
    const reader = new FrameReader();
    const chunks = Array.from(stream, (byte) => Uint8Array.of(byte));
    expect(readAll(chunks, reader)).toEqual({frames: PACKETS, going: true});
    expect(reader.pendingBytes).toBe(0);
  });

  it('gives ChannelData without its padding', () => {
    for (const length of [0, 1, 2, 3, 4, 101, 102, 103, 1000]) {
      const frame = channelData(0x4001, Buffer.alloc(length, 1));
      expect(readAll([bindingRequest, onStream(frame), bindingRequest]).frames).toEqual([
        bindingRequest,
        frame,
        bindingRequest,
      ]);
    }
  });

  it('takes the largest frames', () => {
    const message = new MessageBuilder(METHOD.send, CLASS.indication).add(ATTRIBUTE.data, Buffer.alloc(0xfff8)).build();
    const data = channelData(0x4001, Buffer.alloc(0xffff));
    expect(readAll([onStream(message), onStream(data)]).frames).toEqual([message, data]);
  });

  it.each<[string, Buffer]>([
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\nHost: turn.example\r\n\r\n')],
    ['a TLS handshake', Buffer.from('160301020001000001fc0303', 'hex')],
    ['DTLS', Buffer.from('16fefd0000000000000000', 'hex')],
    ['bytes above 0x80', Buffer.from('80ffffff', 'hex')],
    ['a wrong cookie', Buffer.alloc(20)],
    [
      'a length that is not a multiple of four',
      Buffer.from(`0001000121 12a442${'00'.repeat(12)}`.replace(' ', ''), 'hex'),
    ],
    ['ChannelData before any message', channelData(0x4001, Buffer.alloc(4))],
    ['a channel above 0x4FFF', Buffer.concat([bindingRequest, channelData(0x5000, Buffer.alloc(4))])],
    ['a whole frame and then garbage', Buffer.concat([bindingRequest, Buffer.alloc(20, 0xff)])],
  ])('breaks on %s, for good', (_, bytes) => {
    for (const chunks of [[bytes], Array.from(bytes, (byte) => Uint8Array.of(byte))]) {
      const reader = new FrameReader();
      const padding = Buffer.alloc(20, 0x16);
      expect(readAll([...chunks, padding], reader).going).toBe(false);
      expect(readAll([bindingRequest], reader)).toEqual({frames: [], going: false});
      expect(reader.pendingBytes).toBe(0);
    }
  });

  it('breaks on a frame longer than allowed as soon as its header is there', () => {
    const fits = channelData(0x4001, Buffer.alloc(96));
    const long = channelData(0x4001, Buffer.alloc(97));
    const reader = () => new FrameReader({maxFrameBytes: 100});
    expect(readAll([bindingRequest, fits], reader())).toEqual({frames: [bindingRequest, fits], going: true});
    expect(readAll([bindingRequest, long.subarray(0, 4)], reader()).going).toBe(false);
  });

  it('has no memory that a slow sender has not filled, and says how much waits', () => {
    const before = process.memoryUsage().arrayBuffers;
    const header = channelData(0x4001, Buffer.alloc(0xffff)).subarray(0, 5);
    const readers = Array.from({length: 2000}, () => new FrameReader());
    for (const reader of readers) {
      reader.push(bindingRequest, () => {});
      for (const byte of header) expect(reader.push(Uint8Array.of(byte), () => expect.fail('a frame'))).toBe(true);
      expect(reader.pendingBytes).toBe(header.length);
    }
    // Were the 64 KiB that each header announces taken at once, these were 125 MiB.
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 * 1024 * 1024);
  });

  it('copies a stream of 1 MiB in bits of 7 bytes in no more than a few times its size', () => {
    const frame = channelData(0x4001, Buffer.alloc(0xfffc));
    const started = performance.now();
    for (let round = 0; round < 16; round++) {
      const reader = new FrameReader();
      reader.push(bindingRequest, () => {});
      for (let at = 0; at < frame.length; at += 7) reader.push(frame.subarray(at, at + 7), () => {});
    }
    expect(performance.now() - started).toBeLessThan(5000);
  });
});
