import {setImmediate as turn} from 'node:timers/promises';

import {afterEach, beforeEach, expect, it, vi} from 'vitest';

import {encodeFrame, ProtocolViolation} from '../../../../src/lib/inference/wire/framing.ts';
import {localStreamPair} from '../../../../src/lib/inference/wire/local-stream.ts';
import {StreamLink} from '../../../../src/lib/inference/wire/stream-link.ts';

beforeEach(() => void vi.useFakeTimers({toFake: ['setTimeout', 'clearTimeout']}));
afterEach(() => void vi.useRealTimers());

function linked() {
  const [near, far] = localStreamPair();
  const seen = {messages: [] as string[], closed: [] as (ProtocolViolation | undefined)[], sends: 0};
  const queue: Uint8Array[] = [];
  const link = new StreamLink(near, 100, {
    message: (bytes) => {
      if (bytes[0] === 0) throw new ProtocolViolation('a zero');
      seen.messages.push(Buffer.from(bytes).toString());
    },
    outgoing: () => {
      seen.sends += 1;
      return queue.splice(0);
    },
    closed: (violation) => seen.closed.push(violation),
  });
  return {link, far, seen, queue};
}

it('resets a stream that begins a message and never ends it', async () => {
  const {far, seen} = linked();
  far.send(encodeFrame(Buffer.from('hello')).subarray(0, 3));
  await turn();
  vi.advanceTimersByTime(19_000);
  expect(seen.closed).toEqual([]);
  vi.advanceTimersByTime(2_000);
  expect(seen.closed).toEqual([expect.any(ProtocolViolation)]);
  expect(far.status).toBe('closed');
});

it('is patient with a slow stream whose messages do end', async () => {
  const {far, seen} = linked();
  for (const byte of encodeFrame(Buffer.from('ab'))) {
    far.send(Uint8Array.of(byte));
    await turn();
    vi.advanceTimersByTime(6_000);
  }
  vi.advanceTimersByTime(60_000);
  expect(seen).toMatchObject({messages: ['ab'], closed: []});
});

it('is patient with a busy stream that is always in the middle of some message', async () => {
  const {far, seen} = linked();
  const bytes = encodeFrame(Buffer.from('abcdef'));
  far.send(bytes.subarray(0, 3));
  for (let count = 0; count < 10; count += 1) {
    await turn();
    vi.advanceTimersByTime(6_000);
    // The rest of this one, and the beginning of the next.
    far.send(Buffer.concat([bytes.subarray(3), bytes.subarray(0, 3)]));
  }
  await turn();
  expect(seen.closed).toEqual([]);
  expect(seen.messages).toHaveLength(10);
});

it('aborts a stream when what is to be sent can not be written, rather than end the process', async () => {
  const [near] = localStreamPair();
  const closed: unknown[] = [];
  const link = new StreamLink(near, 100, {
    message: () => undefined,
    outgoing: () => {
      throw new Error('no such number');
    },
    closed: (violation) => closed.push(violation),
  });
  link.schedule();
  await turn();
  await turn();
  expect(closed).toEqual([undefined]);
});

it('sends what one turn has queued in one write, and nothing after the end', async () => {
  const {link, far, seen, queue} = linked();
  const received: Uint8Array[] = [];
  far.addEventListener('message', ({data}) => void received.push(data.subarray()));
  for (const text of ['a', 'b', 'c']) {
    queue.push(encodeFrame(Buffer.from(text)));
    link.schedule();
  }
  await turn();
  await turn();
  expect([received.length, seen.sends]).toEqual([1, 1]);
  await link.close();
  link.schedule();
  link.abort(new Error('late'));
  await turn();
  expect(seen.closed).toEqual([undefined]);
});

it('tells a violation from an ordinary end, once', async () => {
  const {far, seen} = linked();
  far.send(encodeFrame(Uint8Array.of(0)));
  far.send(encodeFrame(Uint8Array.of(0)));
  await turn();
  expect(seen.closed).toEqual([expect.objectContaining({message: 'a zero'})]);
});
