// One side of a connection of ours, in a process of its own so that it can stand in a namespace; see ice-pair.ts.
import {generateKeyPair} from '@libp2p/crypto/keys';
import {peerIdFromPrivateKey} from '@libp2p/peer-id';
import {readFileSync} from 'node:fs';
import {getCACertificates, setDefaultCACertificates} from 'node:tls';

import {IceClient} from '../../../src/lib/ice/client.ts';
import {ServerChoice} from '../../../src/lib/ice/server-choice.ts';
import type {IceStream} from '../../../src/lib/ice/stream.ts';
import type {FromStation, Meet} from './ice-pair.ts';
import {IpcChannel} from './ipc-channel.ts';

const PAYLOAD = Buffer.alloc(160, 0x71);

const say = (message: FromStation): void => {
  process.send?.(message);
};
const key = await generateKeyPair('Ed25519');
const self = peerIdFromPrivateKey(key).toString();

process.on('disconnect', () => process.exit());
let client: IceClient | undefined;
process.on('message', (message: Meet | {kind: string}) => {
  if (message.kind === 'bye') void client?.close().then(() => process.exit());
  if (message.kind === 'meet') {
    meet(message as Meet).catch((error: unknown) => say({kind: 'failed', why: (error as Error).message}));
  }
});
say({kind: 'hello', id: self});

async function meet({peer, role, servers, policy, messages, caFile, deadlineMs}: Meet): Promise<void> {
  setDefaultCACertificates([...getCACertificates('default'), readFileSync(caFile, 'utf8')]);
  const choice = new ServerChoice({servers: async () => servers});
  client = new IceClient({
    channel: new IpcChannel(self, peer),
    key,
    servers: (signal) => choice.find(signal),
    policy,
    // Whoever answers sends back what comes.
    onStream: (stream) => void echo(stream),
  });
  const startedMs = performance.now();
  const connection = await client.connect(peer, {signal: AbortSignal.timeout(deadlineMs), deadlineMs});
  const setupMs = performance.now() - startedMs;
  if (role === 'echo') return;
  const rttsMs: number[] = [];
  const stream = connection.openStream({purpose: 'echo'});
  const echoes = stream[Symbol.asyncIterator]();
  for (let i = 0; i < messages; i += 1) {
    const sentAt = performance.now();
    await stream.write(PAYLOAD);
    for (let received = 0; received < PAYLOAD.length;) {
      const {value, done} = await echoes.next();
      if (done === true || value === undefined) throw new Error(`the echo ended after ${i} messages`);
      received += value.length;
    }
    rttsMs.push(performance.now() - sentAt);
  }
  const {type, pair} = connection.stats()!;
  say({kind: 'done', report: {type, local: pair.local.type, remote: pair.remote.type, setupMs, rttsMs}});
}

async function echo(stream: IceStream): Promise<void> {
  try {
    for await (const chunk of stream) await stream.write(chunk);
    stream.end();
  } catch {
    // The other side has left.
  }
}
