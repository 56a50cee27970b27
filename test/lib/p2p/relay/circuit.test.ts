import type {Stream} from '@libp2p/interface';
import {expect, test} from 'vitest';

import {joinStreams} from '../../../../src/lib/p2p/relay/circuit.ts';
import {startNode, until} from '../../../support/nodes.ts';

const KIB = 1_024;
/** What yamux may have on the way before the reader has said a word. */
const FIRST_WINDOW_BYTES = 256 * KIB;

/** A stream to the middle that is joined there to one to the end, and what the end has of it. */
async function openPipe(onMessage: (stream: Stream) => void) {
  const [start, middle, end] = [
    await startNode({roles: ['client'], listen: {host: '127.0.0.1', tcp: 0}}),
    await startNode({roles: ['relay']}),
    await startNode({roles: ['client'], listen: {host: '127.0.0.1', tcp: 0}}),
  ];
  const far = {received: 0, ended: false};
  await end.handle('/test/end/1', (stream) => {
    stream.addEventListener('message', ({data}) => {
      far.received += data.byteLength;
      onMessage(stream);
    });
    stream.addEventListener('remoteCloseWrite', () => (far.ended = true));
  });
  const onward = await middle.dial(end.getMultiaddrs());
  await middle.handle('/test/pipe/1', async (stream) => {
    await joinStreams(stream, await onward.newStream('/test/end/1'), {
      maxBytes: 2n ** 40n,
      maxDurationMs: 60_000,
      signal: new AbortController().signal,
      onBytes: () => undefined,
    });
  });
  const connection = await start.dial(middle.getMultiaddrs());
  return {stream: await connection.newStream('/test/pipe/1'), far};
}

test('the last bytes pass too when their reader was slow before them', async () => {
  const held: Stream[] = [];
  const {stream, far} = await openPipe((reader) => {
    if (held.length > 0) return;
    held.push(reader);
    reader.pause();
  });
  stream.send(new Uint8Array(FIRST_WINDOW_BYTES + 8 * KIB));
  await until(() => held[0]);
  // The middle is full now, and this waits before it.
  await new Promise((resolve) => setTimeout(resolve, 200));
  stream.send(new Uint8Array(KIB));
  await new Promise((resolve) => setTimeout(resolve, 200));
  held[0]!.resume();
  await until(() => far.received === FIRST_WINDOW_BYTES + 9 * KIB, 5_000);
  await stream.close();
  await until(() => far.ended, 5_000);
});

test('a sender waits for a reader that takes a pause after each piece, however much there is', async () => {
  const {stream, far} = await openPipe((reader) => {
    // Not while it resumes, see `pump`.
    queueMicrotask(() => reader.status === 'open' && reader.pause());
    setTimeout(() => reader.status === 'open' && reader.resume(), 800);
  });
  const chunk = new Uint8Array(64 * KIB);
  const chunks = 7 * 16;
  for (let i = 0; i < chunks; i += 1)
    if (!stream.send(chunk)) await until(() => stream.writeBufferLength === 0, 20_000);
  await until(() => far.received === chunks * chunk.length, 20_000);
  expect(stream.status).toBe('open');
});
