import * as fc from 'fast-check';
import {Uint8ArrayList} from 'uint8arraylist';
import {expect, it} from 'vitest';

import {encodeFrame, FrameReader, ProtocolViolation} from '../../../../src/lib/inference/wire/framing.ts';

const MAX = 70_000;

it('gives back every message however the bytes are cut', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({maxLength: 300}), {maxLength: 20}),
      fc.array(fc.integer({min: 1, max: 50}), {minLength: 1}),
      (messages, cuts) => {
        const bytes = Buffer.concat(messages.map((message) => encodeFrame(message)));
        const reader = new FrameReader(MAX);
        const got: Uint8Array[] = [];
        for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
          const size = cuts[turn % cuts.length] ?? 1;
          got.push(...reader.push(new Uint8ArrayList(bytes.subarray(at, at + size))));
          at += size;
        }
        expect(got.map((message) => Buffer.from(message).toString('hex'))).toEqual(
          messages.map((message) => Buffer.from(message).toString('hex')),
        );
        expect(reader.partial).toBe(false);
      },
    ),
  );
});

it('takes a message of exactly the bound and refuses one byte more before it has arrived', () => {
  expect(new FrameReader(MAX).push(encodeFrame(new Uint8Array(MAX)))[0]).toHaveLength(MAX);
  const tooLong = encodeFrame(new Uint8Array(MAX + 1)).subarray(0, 3);
  expect(() => new FrameReader(MAX).push(tooLong)).toThrow(ProtocolViolation);
  expect(() => new FrameReader(MAX).push(Uint8Array.of(0xff, 0xff, 0xff, 0xff))).toThrow(ProtocolViolation);
});

it('never throws anything but a violation, and holds no more than a message and a chunk', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({maxLength: 64}), {maxLength: 30}), (chunks) => {
      const reader = new FrameReader(100);
      try {
        for (const chunk of chunks)
          for (const message of reader.push(chunk)) expect(message.length).toBeLessThanOrEqual(100);
      } catch (error) {
        expect(error).toBeInstanceOf(ProtocolViolation);
      }
    }),
    {numRuns: 500},
  );
});
