import {randomBytes} from 'node:crypto';

import {afterEach, describe, expect, it} from 'vitest';

import {limiterMemory} from '../../../../src/lib/stun/source-limiter.ts';
import {LocalAdmission} from '../../../../src/lib/turn/core/local-admission.ts';
import {monotonicMs} from '../../../../src/lib/turn/io/clock.ts';
import {STREAM_LIMITS} from '../../../../src/lib/turn/io/stream/stream-options.ts';
import {WorkerPool} from '../../../../src/lib/turn/io/workers/worker-pool.ts';
import {openSockets} from '../../../support/open-sockets.ts';
import {USER} from './test-server.ts';
import {TurnClient} from './turn-client.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

interface Started {
  pool: WorkerPool;
  admission: LocalAdmission;
  port: number;
  logged: string[];
}

async function start(count: number, maxPerUser = 1_000): Promise<Started> {
  const admission = new LocalAdmission({maxAllocations: 1_000, maxPerUser, perUserPerMinute: 100_000}, monotonicMs);
  const logged: string[] = [];
  const pool = new WorkerPool({
    count,
    server: {
      listen: {hosts: ['127.0.0.1'], port: 0, tcp: true, reusePort: true},
      core: {
        kind: 'turn',
        relay: {addresses: [{address: '127.0.0.1'}], ports: [36_000, 38_000]},
        options: {
          realm: 'test.example',
          secrets: [],
          users: new Map([[USER.username, USER.password]]),
          nonceKey: randomBytes(32),
          peers: {allow: ['127.0.0.0/8'], deny: [], ownRelays: ['127.0.0.1'], relayPorts: [36_000, 38_000]},
          limits: {challengesPerSecond: 1_000, challengeBurst: 1_000},
          limiters: {bindings: limiterMemory(), challenges: limiterMemory(), failures: limiterMemory()},
        },
      },
      engine: 'dgram',
      streams: STREAM_LIMITS,
      buffers: {listenerBytes: 0, relayBytes: 0},
    },
    admit: (user) => admission.tryAdmit(user),
    log: (level, message) => logged.push(`${level} ${message}`),
  });
  closers.push(() => pool.stop());
  await pool.start();
  return {pool, admission, port: pool.bound[0]!.port, logged};
}

async function connect(port: number): Promise<TurnClient> {
  const client = await TurnClient.connect({...USER, transport: 'udp', host: '127.0.0.1', port});
  closers.push(() => client.close());
  return client;
}

async function until(what: () => boolean, timeoutMs = 10_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!what()) {
    if (performance.now() > deadline) throw new Error('it did not come to that');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

describe('WorkerPool', () => {
  it('keeps what the others relay when a worker dies, and starts it again', async () => {
    const before = openSockets().length;
    const {pool, admission, port, logged} = await start(3);
    const clients = await Promise.all(Array.from({length: 24}, () => connect(port)));
    for (const client of clients) expect(await client.allocate()).toMatchObject({address: '127.0.0.1'});
    const perWorker = await Promise.all(pool.handles.map(async (handle) => (await handle.stats())!.core.allocations));
    expect(Math.min(...perWorker)).toBeGreaterThan(0);
    expect(admission.held).toBe(24);

    const victim = pool.handles[1]!;
    await victim.thread.terminate();
    const left = 24 - perWorker[1]!;
    await until(() => admission.held === left);
    // The kernel spreads remotes over two sockets now, so that many of these come to the wrong one.
    const codes = await Promise.all(clients.map((client) => client.refresh(600)));
    expect(codes.filter((code) => code === 0)).toHaveLength(left);
    expect(codes.filter((code) => code === 437)).toHaveLength(perWorker[1]!);

    await until(() => logged.includes('info the worker is back'));
    expect(pool.handles).toHaveLength(3);
    expect(pool.restarts).toBe(1);
    // And over three again, in another order.
    const again = await Promise.all(clients.map((client) => client.refresh(600)));
    expect(again.filter((code) => code === 0)).toHaveLength(left);
    const lost = clients.filter((_, index) => again[index] === 437);
    for (const client of lost) expect(await client.allocate()).toMatchObject({address: '127.0.0.1'});
    expect(admission.held).toBe(24);

    const stats = await pool.stats();
    expect(stats.core.allocations).toBe(24);
    expect(stats.handedOver).toBeGreaterThan(0);
    expect(stats.counters.allocationsCreated).toBeGreaterThanOrEqual(24);
    await pool.stop();
    await until(() => openSockets().length === before + clients.length);
  });

  it('counts the allocations of a user over all workers', async () => {
    const {port, admission} = await start(2, 3);
    const clients = await Promise.all(Array.from({length: 8}, () => connect(port)));
    const results = await Promise.all(clients.map((client) => client.allocate()));
    expect(results.filter((result) => result === 486)).toHaveLength(5);
    expect(admission.held).toBe(3);
  });

  it('starts the only worker again', async () => {
    const {pool, port} = await start(1);
    const victim = pool.handles[0]!;
    expect(await victim.stats()).toBeDefined();
    await victim.thread.terminate();
    expect(await victim.stats()).toBeUndefined();
    await until(() => pool.handles.length === 1);
    expect(await (await connect(port)).binding()).toMatchObject({address: '127.0.0.1'});
  });
});
