import {setTimeout as sleep} from 'node:timers/promises';

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
  const far = {received: 0, ended: false, error: undefined as Error | undefined};
  const outcomes: string[] = [];
  await end.handle('/test/end/1', (stream) => {
    stream.addEventListener('message', ({data}) => {
      far.received += data.byteLength;
      onMessage(stream);
    });
    stream.addEventListener('remoteCloseWrite', () => (far.ended = true));
    stream.addEventListener('close', ({error}) => (far.error = error));
  });
  const onward = await middle.dial(end.getMultiaddrs());
  await middle.handle('/test/pipe/1', async (stream) => {
    const outcome = await joinStreams(stream, await onward.newStream('/test/end/1'), {
      maxBytes: 2n ** 40n,
      maxDurationMs: 60_000,
      signal: new AbortController().signal,
      onBytes: () => undefined,
    });
    outcomes.push(outcome);
  });
  const connection = await start.dial(middle.getMultiaddrs());
  return {stream: await connection.newStream('/test/pipe/1'), connection, end, far, outcomes};
}

/** The same with a reader that stops after the first piece, and bytes that wait for it in the middle. */
async function openFullPipe() {
  const held: Stream[] = [];
  const pipe = await openPipe((reader) => {
    if (held.length > 0) return;
    held.push(reader);
    reader.pause();
  });
  pipe.stream.send(new Uint8Array(FIRST_WINDOW_BYTES + 8 * KIB));
  const reader = await until(() => held[0]);
  // The middle is full now, and this waits before it.
  await sleep(200);
  pipe.stream.send(new Uint8Array(100 * KIB));
  await sleep(200);
  return {...pipe, reader, sentBytes: FIRST_WINDOW_BYTES + 108 * KIB};
}

test('the last bytes pass too when their reader was slow before them', async () => {
  const {stream, far, reader, sentBytes} = await openFullPipe();
  reader.resume();
  await until(() => far.received === sentBytes, 20_000);
  await stream.close();
  await until(() => far.ended, 20_000);
});

test.each<[string, (pipe: Awaited<ReturnType<typeof openFullPipe>>) => Promise<void>]>([
  ['its stream', ({stream}) => stream.close()],
  ['its connection', ({connection}) => connection.close()],
])('nothing is lost when the sender closes %s while its reader is slow', async (_what, close) => {
  const pipe = await openFullPipe();
  await close(pipe);
  await sleep(200);
  pipe.reader.resume();
  await until(() => pipe.far.ended, 20_000);
  expect(pipe.far).toEqual({received: pipe.sentBytes, ended: true, error: undefined});
});

test('what a sender tears does not look complete to a slow reader', async () => {
  const {stream, far, reader, outcomes} = await openFullPipe();
  stream.abort(new Error('torn'));
  await until(() => outcomes.length > 0, 20_000);
  if (reader.readStatus === 'paused') reader.resume();
  await until(() => far.error, 20_000);
  expect(far.ended).toBe(false);
  expect(outcomes).toEqual(['failed']);
});

test('a circuit ends with its sender when its reader has gone without reading everything', async () => {
  const {stream, end, outcomes} = await openFullPipe();
  for (const connection of end.getConnections()) await connection.close();
  await stream.close();
  await until(() => outcomes.length > 0, 20_000);
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
