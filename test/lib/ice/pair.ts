import {generateKeyPair} from '@libp2p/crypto/keys';

import {IceClient, type IceClientOptions} from '../../../src/lib/ice/client.ts';
import type {IceConnection} from '../../../src/lib/ice/connection.ts';
import type {PathServers} from '../../../src/lib/ice/path-types.ts';
import type {IceStream} from '../../../src/lib/ice/stream.ts';
import {peerFromKey} from '../../../src/lib/records/peer-key.ts';
import {MemoryRoom} from './memory-channel.ts';

export interface Side {
  id: string;
  client: IceClient;
  key: IceClientOptions['key'];
}

/** Two clients in one room; the second echoes what streams bring. `ids[0] < ids[1]`. */
export async function createPair(
  options: Partial<IceClientOptions> & {pathServers?: PathServers; each?: readonly Partial<IceClientOptions>[]} = {},
) {
  const {pathServers = {turn: []}, each = [], ...rest} = options;
  const room = new MemoryRoom();
  const keys = await Promise.all([generateKeyPair('Ed25519'), generateKeyPair('Ed25519')]);
  const sorted = keys
    .map((key) => ({key, id: peerFromKey(key.publicKey.raw)}))
    .toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const sides = sorted.map(({key, id}, index): Side => {
    const client = new IceClient({
      channel: room.join(id),
      key,
      servers: async () => pathServers,
      bindAddress: '127.0.0.1',
      onStream: (stream) => void echo(stream),
      ...rest,
      ...each[index],
    });
    return {id, client, key};
  });
  const [a, b] = sides as [Side, Side];
  const close = async (): Promise<void> => {
    await Promise.all([a.client.close(), b.client.close()]);
  };
  /** Both call, as they have to. */
  const connect = async (deadlineMs = CONNECT_DEADLINE_MS): Promise<[IceConnection, IceConnection]> => {
    const limits = {signal: AbortSignal.timeout(2 * deadlineMs), deadlineMs};
    return Promise.all([a.client.connect(b.id, limits), b.client.connect(a.id, limits)]);
  };
  return {room, a, b, connect, close, [Symbol.asyncDispose]: close};
}

async function echo(stream: IceStream): Promise<void> {
  try {
    for await (const chunk of stream) await stream.write(chunk);
    stream.end();
  } catch {
    // The other side has left.
  }
}

/** Sends so many bytes and takes them back, in order and unchanged. `onSent`: with how many were written. */
export async function sendAndCompare(
  connection: IceConnection,
  bytes: number,
  onSent: (count: number) => void = () => {},
): Promise<void> {
  const stream = connection.openStream('echo');
  const writing = (async () => {
    for (let at = 0; at < bytes; at += CHUNK) {
      await stream.write(Buffer.alloc(CHUNK, at / CHUNK));
      onSent(at + CHUNK);
    }
    stream.end();
  })();
  let at = 0;
  for await (const chunk of stream) {
    for (let index = 0; index < chunk.length; index += 997) {
      const expected = Math.floor((at + index) / CHUNK) & 0xff;
      if (chunk[index] !== expected) throw new Error(`byte ${at + index} is ${chunk[index]} instead of ${expected}`);
    }
    at += chunk.length;
  }
  await writing;
  if (at !== bytes) throw new Error(`${at} of ${bytes} bytes came back`);
}

const CHUNK = 50_000;
const CONNECT_DEADLINE_MS = 20_000;
