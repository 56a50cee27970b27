import type {Connection} from '@libp2p/interface';
import {lpStream} from '@libp2p/utils';
import {multiaddr} from '@multiformats/multiaddr';
import {describe, expect, test} from 'vitest';

import type {NodeOptions, QuiverNode} from '../../../../src/lib/p2p/node-options.ts';
import {HOP_PROTOCOL} from '../../../../src/lib/p2p/relay/messages.ts';
import type {RelayLimits} from '../../../../src/lib/p2p/relay/limits.ts';
import {relayServer, type RelayStats} from '../../../../src/lib/p2p/relay/relay-server.ts';
import {
  addressOf,
  circuitTo,
  handleEcho,
  silent,
  startNode,
  startRelayedProvider,
  until,
} from '../../../support/nodes.ts';

const startRelay = (relay: Partial<RelayLimits> = {}, options: Partial<NodeOptions> = {}): Promise<QuiverNode> =>
  startNode({roles: ['relay', 'bootstrap'], relay, ...options});

const statsOf = (relay: QuiverNode): RelayStats => relay.services.relay!.stats();

async function reachable(provider: QuiverNode): Promise<void> {
  await until(() => provider.getMultiaddrs().length > 0);
}

/** Sends one hop message by hand and gives what comes back. */
async function hop(connection: Connection, message: Uint8Array): Promise<Uint8Array> {
  const stream = await connection.newStream(HOP_PROTOCOL, {runOnLimitedConnection: true});
  const framed = lpStream(stream);
  await framed.write(message);
  return (await framed.read({signal: AbortSignal.timeout(5_000)})).subarray();
}

/** `type` of a hop message; 2 is a status. */
const statusIn = (answer: Uint8Array): number => {
  expect([...answer.subarray(0, 2)]).toEqual([0x08, 2]);
  return answer[answer.length - 2]! - 128 + answer[answer.length - 1]! * 128;
};
const RESERVE = Uint8Array.of(0x08, 0);

test('a client reaches a provider through the relay, and is told the limits that hold', async () => {
  const relay = await startRelay({circuitDurationMs: 90_000, circuitBytes: 1_000_000n});
  const provider = await startRelayedProvider(relay);
  await handleEcho(provider);
  await reachable(provider);
  const client = await startNode({roles: ['client'], listen: {host: '127.0.0.1'}});
  const connection = await client.dial(multiaddr(circuitTo(relay, provider)));
  // The wire's unit is seconds.
  expect(connection.limits!.seconds).toBeGreaterThan(85);
  expect(connection.limits!.seconds).toBeLessThanOrEqual(90);
  const stream = await connection.newStream('/test/echo/1', {runOnLimitedConnection: true});
  const answer = new Promise<number>((resolve) => {
    stream.addEventListener('message', ({data}) => resolve(data.byteLength));
  });
  stream.send(new Uint8Array(1_000));
  expect(await answer).toBe(1_000);
  expect(statsOf(relay)).toMatchObject({reservations: 1, circuits: 1});
});

test('a slot is free again when its holder is gone: 20 come and go on 2 slots, none is refused', async () => {
  const relay = await startRelay({maxReservations: 2});
  for (let i = 0; i < 20; i += 1) {
    const provider = await startRelayedProvider(relay);
    await reachable(provider);
    await provider.stop();
  }
  await until(() => statsOf(relay).reservations === 0);
  expect(Object.fromEntries(statsOf(relay).reservationRequests)).toEqual({ok: 20});
  expect(statsOf(relay).released).toBe(20);
});

test('a relay that is full refuses, and says so', async () => {
  const relay = await startRelay({maxReservations: 1});
  await reachable(await startRelayedProvider(relay));
  const late = await startNode({roles: ['client'], listen: {host: '127.0.0.1'}});
  const connection = await late.dial(multiaddr(addressOf(relay)));
  expect(statusIn(await hop(connection, RESERVE))).toBe(200);
  expect(statsOf(relay).reservationRequests.get('full')).toBe(1);
});

test('peers of one subnet share a limit on slots', async () => {
  const relay = await startRelay({maxReservationsPerSubnet: 1});
  await reachable(await startRelayedProvider(relay));
  const neighbour = await startNode({roles: ['client'], listen: {host: '127.0.0.1'}});
  const connection = await neighbour.dial(multiaddr(addressOf(relay)));
  expect(statusIn(await hop(connection, RESERVE))).toBe(200);
  expect(statsOf(relay).reservationRequests.get('subnet_full')).toBe(1);
});

test('the limit on bytes holds in each direction by itself', async () => {
  const relay = await startRelay({circuitBytes: 100_000n});
  const provider = await startRelayedProvider(relay);
  await handleEcho(provider);
  await reachable(provider);
  const client = await startNode({roles: ['client'], listen: {host: '127.0.0.1'}});
  const connection = await client.dial(multiaddr(circuitTo(relay, provider)));
  const stream = await connection.newStream('/test/echo/1', {runOnLimitedConnection: true});
  let received = 0;
  stream.addEventListener('message', ({data}) => (received += data.byteLength));
  // 80 kB there and the same 80 kB back: more than the limit together, less than it each way.
  for (let i = 0; i < 10; i += 1) stream.send(new Uint8Array(8_000));
  await until(() => received === 80_000);
  stream.send(new Uint8Array(30_000));
  await until(() => connection.status !== 'open');
  expect(statsOf(relay).cutAtLimit).toBe(1);
  await until(() => statsOf(relay).circuits === 0);
});

test('a slow reader slows the sender down through the relay, and gets every byte', async () => {
  const relay = await startRelay();
  const provider = await startRelayedProvider(relay);
  let received = 0;
  await provider.handle(
    '/test/slow/1',
    (stream) => {
      stream.addEventListener('message', ({data}) => {
        received += data.byteLength;
        stream.pause();
        setTimeout(() => {
          if (stream.status === 'open' && stream.readStatus === 'paused') stream.resume();
        }, 5);
      });
    },
    {runOnLimitedConnection: true},
  );
  await reachable(provider);
  const client = await startNode({roles: ['client'], listen: {host: '127.0.0.1'}});
  const connection = await client.dial(multiaddr(circuitTo(relay, provider)));
  const stream = await connection.newStream('/test/slow/1', {runOnLimitedConnection: true});
  const chunk = new Uint8Array(64 * 1024);
  const chunks = 12 * 16;
  for (let i = 0; i < chunks; i += 1) {
    // Not `onDrain()`, which waits the first time only, nor `drain`, which may come before anybody listens.
    if (!stream.send(chunk)) await until(() => stream.writeBufferLength === 0, 20_000);
  }
  await until(() => received === chunks * chunk.length, 20_000);
});

test('a circuit ends when its time is up', async () => {
  const relay = await startRelay({circuitDurationMs: 1_000});
  const provider = await startRelayedProvider(relay);
  await reachable(provider);
  const client = await startNode({roles: ['client'], listen: {host: '127.0.0.1'}});
  const started = performance.now();
  const connection = await client.dial(multiaddr(circuitTo(relay, provider)));
  expect(connection.limits!.seconds).toBe(1);
  await until(() => connection.status !== 'open');
  const lasted = performance.now() - started;
  expect(lasted).toBeGreaterThan(900);
  expect(lasted).toBeLessThan(3_000);
});

test('one peer has a limit on circuits', async () => {
  const relay = await startRelay({maxCircuitsPerPeer: 2});
  const providers = await Promise.all([1, 2, 3].map(() => startRelayedProvider(relay)));
  await Promise.all(providers.map(reachable));
  const client = await startNode({roles: ['client'], listen: {host: '127.0.0.1'}});
  const dial = (provider: QuiverNode) => client.dial(multiaddr(circuitTo(relay, provider)));
  await dial(providers[0]!);
  await dial(providers[1]!);
  await expect(dial(providers[2]!)).rejects.toThrow(/RESOURCE_LIMIT_EXCEEDED/);
  expect(statsOf(relay).circuitRequests.get('peer_full')).toBe(1);
});

test('draining grants nothing new and leaves what runs', async () => {
  const relay = await startRelay();
  const provider = await startRelayedProvider(relay);
  await handleEcho(provider);
  await reachable(provider);
  const client = await startNode({roles: ['client'], listen: {host: '127.0.0.1'}});
  const connection = await client.dial(multiaddr(circuitTo(relay, provider)));
  relay.services.relay!.drain();
  const late = await startNode({roles: ['client'], listen: {host: '127.0.0.1'}});
  expect(statusIn(await hop(await late.dial(multiaddr(addressOf(relay))), RESERVE))).toBe(200);
  await expect(late.dial(multiaddr(circuitTo(relay, provider)))).rejects.toThrow(/RESOURCE_LIMIT_EXCEEDED/);
  const stream = await connection.newStream('/test/echo/1', {runOnLimitedConnection: true});
  expect(stream.status).toBe('open');
});

describe('refusals', () => {
  test('a slot asked for through another relay', async () => {
    const relay = await startRelay();
    const provider = await startRelayedProvider(relay);
    await reachable(provider);
    const second = relayServer({}, silent)((provider as any).components);
    await second.start();
    const client = await startNode({roles: ['client'], listen: {host: '127.0.0.1'}});
    const relayed = await client.dial(multiaddr(circuitTo(relay, provider)));
    expect(statusIn(await hop(relayed, RESERVE))).toBe(202);
    expect(second.stats().reservationRequests.get('relayed')).toBe(1);
  });

  test('a target without a slot', async () => {
    const relay = await startRelay();
    const stranger = await startNode({roles: ['client'], bootstrap: [addressOf(relay)]});
    await stranger.services.rejoin.firstContact;
    const client = await startNode({roles: ['client'], listen: {host: '127.0.0.1'}});
    await expect(client.dial(multiaddr(circuitTo(relay, stranger)))).rejects.toThrow(/NO_RESERVATION/);
  });

  test.each([
    ['garbage', Uint8Array.of(0xff, 0xff, 0xff), 400],
    ['a connect request without a peer', Uint8Array.of(0x08, 1), 400],
    ['a connect request with a broken peer id', Uint8Array.of(0x08, 1, 0x12, 4, 0x0a, 2, 1, 2), 400],
    ['a status', Uint8Array.of(0x08, 2), 401],
  ])('%s', async (_what, message, status) => {
    const relay = await startRelay();
    const client = await startNode({roles: ['client'], listen: {host: '127.0.0.1'}});
    const connection = await client.dial(multiaddr(addressOf(relay)));
    expect(statusIn(await hop(connection, message))).toBe(status);
    expect(connection.status).toBe('open');
  });
});
