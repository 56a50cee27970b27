import * as fc from 'fast-check';
import {describe, expect, it} from 'vitest';

import {QuiverError} from '../../../src/lib/core/errors.ts';
import {Mux} from '../../../src/lib/ice/mux.ts';
import {STREAM_WINDOW_BYTES, type IceStream} from '../../../src/lib/ice/stream.ts';

/** Two ends joined by a path without limits; what comes is delivered a moment later. */
function joined() {
  const streams: IceStream[] = [];
  const a = new Mux(true, (stream) => streams.push(stream));
  const b = new Mux(false, (stream) => streams.push(stream));
  const connect = (from: Mux, to: Mux): void =>
    from.link.attach({
      send: (bytes) => {
        const copy = Buffer.from(bytes);
        setImmediate(() => to.link.receive(copy));
        return true;
      },
      roomBytes: () => 1_000_000,
    });
  connect(a, b);
  connect(b, a);
  const tick = setInterval(() => [a, b].forEach((mux) => mux.link.acknowledge()), 5);
  return {a, b, streams, stop: () => clearInterval(tick)};
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

async function text(stream: IceStream): Promise<string> {
  let all = '';
  for await (const chunk of stream) all += chunk.toString();
  return all;
}

describe('mux', () => {
  it('carries streams in both directions at once', async () => {
    const {a, b, streams, stop} = joined();
    const there = a.open({to: 'b'});
    const back = b.open({to: 'a'});
    await Promise.all([there.write(Buffer.from('hello')), back.write(Buffer.from('hi'))]);
    there.end();
    back.end();
    await until(() => streams.length === 2);
    const got = await Promise.all(streams.map(async (stream) => [stream.header, await text(stream)]));
    expect(got).toEqual(
      expect.arrayContaining([
        [{to: 'b'}, 'hello'],
        [{to: 'a'}, 'hi'],
      ]),
    );
    stop();
  });

  it('holds a writer back whose reader does not read, and no other stream', async () => {
    const {a, streams, stop} = joined();
    const slow = a.open('slow');
    const fast = a.open('fast');
    let written = 0;
    const writing = (async () => {
      for (; written < 3 * STREAM_WINDOW_BYTES; written += 50_000) await slow.write(Buffer.alloc(50_000));
      slow.end();
    })();
    await until(() => written >= STREAM_WINDOW_BYTES - 50_000);
    await fast.write(Buffer.from('passes'));
    fast.end();
    await until(() => streams.length === 2);
    expect(await text(streams[1]!)).toBe('passes');
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(written).toBeLessThanOrEqual(STREAM_WINDOW_BYTES);
    let read = 0;
    for await (const chunk of streams[0]!) read += chunk.length;
    await writing;
    expect(read).toBe(written);
    stop();
  });

  it('passes a reset on, with its reason', async () => {
    const {a, streams, stop} = joined();
    const stream = a.open('x');
    await until(() => streams.length === 1);
    streams[0]!.reset('not\u001b[2J today');
    await expect(stream[Symbol.asyncIterator]().next()).rejects.toThrow('not [2J today');
    await expect(stream.write(Buffer.from('more'))).rejects.toThrow('not [2J today');
    stop();
  });

  it('opens 64 streams and no more', async () => {
    const {a, b, streams, stop} = joined();
    for (let count = 0; count < 64; count++) a.open(count);
    expect(() => a.open('too many')).toThrow(/64/);
    await until(() => streams.length === 64);
    expect(() => b.open('too many')).toThrow(/64/);
    stop();
  });

  it('ends all streams when the connection fails', async () => {
    const {a, streams, stop} = joined();
    const stream = a.open('x');
    await until(() => streams.length === 1);
    const reading = text(stream);
    a.fail(new Error('gone'));
    await expect(reading).rejects.toThrow('gone');
    expect(() => a.open('y')).toThrow('gone');
    stop();
  });

  it('takes any bytes without another failure than a broken protocol', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({maxLength: 60}), {maxLength: 20}), (frames) => {
        const mux = new Mux(true, () => {});
        mux.link.attach({send: () => true, roomBytes: () => 1e6});
        try {
          for (const frame of frames) mux.link.receive(Buffer.concat([Buffer.of(1), frame]));
        } catch (error) {
          expect(error).toBeInstanceOf(QuiverError);
        }
      }),
      {numRuns: 2_000},
    );
  });
});
