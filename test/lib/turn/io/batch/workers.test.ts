import {randomBytes} from 'node:crypto';
import {createSocket, type Socket} from 'node:dgram';
import {once} from 'node:events';

import {afterEach, describe, expect, it} from 'vitest';

import {LocalAdmission} from '../../../../../src/lib/turn/core/local-admission.ts';
import {monotonicMs} from '../../../../../src/lib/turn/io/clock.ts';
import type {EngineName} from '../../../../../src/lib/turn/io/engine.ts';
import {STREAM_LIMITS} from '../../../../../src/lib/turn/io/stream/stream-options.ts';
import {WorkerPool} from '../../../../../src/lib/turn/io/workers/worker-pool.ts';
import {openSockets} from '../../../../support/open-sockets.ts';
import {USER} from '../test-server.ts';
import {type Address, TurnClient} from '../turn-client.ts';

const UNREACHED = 1_000_000;
const PORTS = [36_000, 39_000] as const;
const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

async function start(engine: EngineName, count: number): Promise<{pool: WorkerPool; port: number}> {
  const limits = {maxAllocations: UNREACHED, maxPerUser: UNREACHED, perUserPerMinute: UNREACHED};
  const admission = new LocalAdmission(limits, monotonicMs);
  const pool = new WorkerPool({
    count,
    server: {
      listen: {hosts: ['127.0.0.1'], port: 0, tcp: true, reusePort: true},
      core: {
        kind: 'turn',
        relay: {addresses: [{address: '127.0.0.1'}], ports: PORTS},
        options: {
          realm: 'test.example',
          secrets: [],
          users: new Map([[USER.username, USER.password]]),
          nonceKey: randomBytes(32),
          peers: {allow: ['127.0.0.0/8'], deny: [], ownRelays: ['127.0.0.1'], relayPorts: PORTS},
          limits: {challengesPerSecond: UNREACHED, challengeBurst: UNREACHED},
        },
      },
      engine,
      streams: STREAM_LIMITS,
      buffers: {listenerBytes: 0, relayBytes: 0},
    },
    admit: (user) => admission.tryAdmit(user),
    log: () => {},
  });
  closers.push(() => pool.stop());
  await pool.start();
  expect(pool.engine).toBe(engine);
  return {pool, port: pool.bound[0]!.port};
}

async function clientOf(port: number, transport: 'udp' | 'tcp' = 'udp'): Promise<TurnClient> {
  const client = await TurnClient.connect({...USER, transport, host: '127.0.0.1', port});
  closers.push(() => client.close());
  return client;
}

async function echoPeer(): Promise<Address> {
  const socket: Socket = createSocket('udp4');
  socket.on('message', (bytes, from) => socket.send(bytes, from.port, from.address));
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  closers.push(() => socket.close());
  return {address: '127.0.0.1', port: socket.address().port};
}

const openUdp = (): number => openSockets().filter(({protocol}) => protocol === 'udp').length;

/** Everything that a client does in its life; each with data of its own, and no more than fits into small buffers. */
async function life(client: TurnClient, peer: Address, mark: number): Promise<void> {
  expect(await client.allocate()).toMatchObject({address: '127.0.0.1'});
  expect(await client.permit(peer)).toBe(0);
  const data = (i: number): Buffer => Buffer.alloc(40 + mark + i, mark);
  client.send(peer, data(0));
  expect(await client.receive()).toEqual({from: peer, data: data(0)});
  expect(await client.bind(0x4000 + mark, peer)).toBe(0);
  for (let i = 0; i < 8; i += 1) client.send(0x4000 + mark, data(i));
  for (let i = 0; i < 8; i += 1) expect(await client.receive()).toEqual({from: 0x4000 + mark, data: data(i)});
  expect(await client.refresh(0)).toBe(0);
}

describe.each(['dgram', 'batch'] as const)('TURN workers on the %s engine', (engine) => {
  it('serves a crowd at once, over UDP and TCP, and gives every socket back', async () => {
    const before = openUdp();
    const {pool, port} = await start(engine, 1);
    const idle = openUdp();
    const peer = await echoPeer();
    const clients = await Promise.all(Array.from({length: 24}, (_, i) => clientOf(port, i % 6 === 0 ? 'tcp' : 'udp')));
    for (let cycle = 0; cycle < 5; cycle += 1) await Promise.all(clients.map((client, i) => life(client, peer, i)));
    const others = 1 + clients.length - Math.ceil(clients.length / 6);
    await expect.poll(openUdp).toBe(idle + others);
    await pool.stop();
    expect(openUdp()).toBe(before + others);
  });

  it('goes on when one of its workers is ended in the middle of traffic', async () => {
    const {pool, port} = await start(engine, 2);
    const peer = await echoPeer();
    const clients = await Promise.all(Array.from({length: 12}, () => clientOf(port)));
    for (const client of clients) {
      await client.allocate();
      await client.permit(peer);
      await client.bind(0x4000, peer);
    }
    const traffic = setInterval(() => {
      for (const client of clients) for (let i = 0; i < 20; i += 1) client.send(0x4000, Buffer.alloc(160));
    }, 1);
    closers.push(() => clearInterval(traffic));
    await new Promise((resolve) => setTimeout(resolve, 100));
    await pool.handles[0]!.thread.terminate();
    await expect.poll(() => pool.handles.length, {timeout: 5_000}).toBe(2);
    clearInterval(traffic);
    // A new client's port may be hashed to either worker.
    const fresh = await Promise.all(Array.from({length: 8}, () => clientOf(port)));
    await Promise.all(fresh.map((client, i) => life(client, peer, i)));
  });
});
