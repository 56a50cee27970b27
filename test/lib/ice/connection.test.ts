import {generateKeyPair} from '@libp2p/crypto/keys';
import {Registry} from 'prom-client';
import {describe, expect, it} from 'vitest';

import {connectPeer} from '../../../src/lib/ice/client.ts';
import {peerFromKey} from '../../../src/lib/records/peer-key.ts';
import {MemoryRoom} from './memory-channel.ts';
import {createPair, sendAndCompare} from './pair.ts';

const signal = () => AbortSignal.timeout(20_000);

describe('two peers', () => {
  it('connect over host candidates, and measure the path', async () => {
    const metrics = new Registry();
    await using pair = await createPair({accept: () => true, each: [{metrics}]});
    const {a, b} = pair;
    const connection = await a.client.connect(b.id, {signal: signal()});
    await sendAndCompare(connection, 5_000_000);
    await expect.poll(() => connection.stats()?.rttMs, {timeout: 5_000}).toBeGreaterThan(0);
    expect(connection.stats()).toMatchObject({
      type: 'host',
      pair: {local: {address: '127.0.0.1'}, remote: {address: '127.0.0.1'}},
      lossRatio: 0,
      restarts: 0,
    });
    expect(connection.stats()!.setupMs).toBeLessThan(5_000);
    const text = await metrics.metrics();
    expect(text).toContain('quiver_ice_connection_attempts_total{type="host",result="connected"} 1');
    expect(text).toContain('quiver_ice_connection_latency_seconds_count{type="host"} 1');
    // The other side hears of the end, and that it is none to be mended.
    await connection.close();
    expect(await b.connections[0]!.closed).toBeUndefined();
  });

  it.each(['both at once', 'the greater id alone'])('are joined by one connection when %s calls', async (who) => {
    await using pair = await createPair({accept: () => who !== 'both at once'});
    const {a, b} = pair;
    const calls = [b.client.connect(a.id, {signal: signal(), role: 'offer'})];
    if (who === 'both at once') calls.push(a.client.connect(b.id, {signal: signal(), role: 'offer'}));
    const [connection] = await Promise.all(calls);
    await sendAndCompare(connection!, 100_000);
    expect([a.client.connections.length, b.client.connections.length]).toEqual([1, 1]);
  });

  it('go on with what they send when ICE is restarted on either side', async () => {
    await using pair = await createPair({accept: () => true});
    const {a, b} = pair;
    const connection = await a.client.connect(b.id, {signal: signal()});
    const restarts: Promise<void>[] = [];
    await sendAndCompare(connection, 12_000_000, (sent) => {
      if (sent === 2_000_000) restarts.push(connection.restart());
      if (sent === 6_000_000) restarts.push(b.connections[0]!.restart());
    });
    await Promise.all(restarts);
    expect(connection.stats()!.restarts).toBe(2);
    expect(connection.state).toBe('connected');
  });

  it('wait for each other, and say when nobody comes', async () => {
    await using pair = await createPair();
    await expect(pair.a.client.connect('12D3KooWnobody', {signal: signal(), deadlineMs: 300})).rejects.toMatchObject({
      code: 'ICE_PEER_ABSENT',
    });
    await expect(pair.a.client.connect(pair.b.id, {signal: signal(), deadlineMs: 500})).rejects.toMatchObject({
      code: 'ICE_FAILED',
    });
    await expect(pair.a.client.connect(pair.b.id, {signal: AbortSignal.timeout(200)})).rejects.toThrow(/timeout/);
    expect(pair.a.client.connections).toEqual([]);
  });

  it('are told again what was lost on the way', async () => {
    await using pair = await createPair({accept: () => true});
    const lost = new Set<string>();
    pair.room.tamper = (message, from) => {
      const name = `${from} ${message.type}`;
      if (lost.has(name)) return message;
      lost.add(name);
      return undefined;
    };
    const connection = await pair.a.client.connect(pair.b.id, {signal: signal()});
    await sendAndCompare(connection, 100_000);
    expect(lost.size).toBeGreaterThanOrEqual(4);
  });
});

describe('a signalling server that cheats', () => {
  it.each(['offer', 'answer'] as const)('can not put its own fingerprint into the %s', async (type) => {
    await using pair = await createPair({accept: () => true});
    pair.room.tamper = (message) =>
      message.type === type
        ? {...message, sdp: message.sdp.replace(/(fingerprint:sha-256 )\S+/, `$1${Array(32).fill('AB').join(':')}`)}
        : message;
    await expect(pair.a.client.connect(pair.b.id, {signal: signal(), deadlineMs: 600})).rejects.toMatchObject({
      code: 'ICE_FAILED',
    });
    expect(pair.b.connections).toEqual([]);
  });

  it('can not speak in the name of another, nor open anything by saying an offer again', async () => {
    await using pair = await createPair({accept: () => true});
    const {room, a, b} = pair;
    const offers: Parameters<typeof room.pass>[2][] = [];
    room.tamper = (message) => {
      if (message.type === 'offer') offers.push(message);
      return message;
    };
    const connection = await a.client.connect(b.id, {signal: signal()});
    await room.pass('12D3KooWAijELR7iGySbNC2uNgM4Jx3ZjPpyAaCtiYNVbMYkxiTW', b.id, offers[0]!);
    for (let again = 0; again < 5; again++) await room.pass(a.id, b.id, offers[0]!);
    await sendAndCompare(connection, 1_000_000);
    await connection.close();
    for (let again = 0; again < 5; again++) await room.pass(a.id, b.id, offers[0]!);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(b.connections.length).toBe(1);
    expect(b.client.connections).toEqual([]);
  });

  it('can send rubbish', async () => {
    await using pair = await createPair({accept: () => true});
    const {room, a, b} = pair;
    for (const session of [undefined, '', 'x', `${'a'.repeat(16)}.b`]) {
      const labelled = session === undefined ? {} : {session};
      for (const sdp of ['v=0', 'v=0\r\na=quiver-auth:AAAA\r\n']) {
        await room.pass(a.id, b.id, {type: 'offer', sdp, ...labelled});
        await room.pass(a.id, b.id, {type: 'answer', sdp, ...labelled});
      }
      await room.pass(a.id, b.id, {type: 'ice-candidate', candidate: 'candidate:rubbish', ...labelled});
    }
    const connection = await a.client.connect(b.id, {signal: signal()});
    await sendAndCompare(connection, 100_000);
  });
});

it('are joined by a single call each', async () => {
  const room = new MemoryRoom();
  const keys = await Promise.all([generateKeyPair('Ed25519'), generateKeyPair('Ed25519')]);
  const [left, right] = keys.map((key) => ({key, id: peerFromKey(key.publicKey.raw)}));
  const call = (own: typeof left, peer: typeof left) =>
    connectPeer({
      channel: room.join(own!.id),
      key: own!.key,
      peer: peer!.id,
      servers: async () => ({turn: []}),
      signal: signal(),
      onStream: (stream) => stream.end(),
    });
  const [connection, other] = await Promise.all([call(left, right), call(right, left)]);
  await connection.close();
  expect([await connection.closed, await other.closed]).toEqual([undefined, undefined]);
});

it('says that it does not know a connection, which is believed only where nothing else works', async () => {
  await using pair = await createPair({accept: () => true});
  const {room, a, b} = pair;
  const connection = await a.client.connect(b.id, {signal: signal()});
  const heard: unknown[] = [];
  room.tamper = (message, from) => {
    if (from === b.id) heard.push(message);
    return message;
  };
  const id = 'a'.repeat(16);
  await room.pass(a.id, b.id, {type: 'offer', sdp: 'v=0', session: `${id}.r12345678`});
  await expect.poll(() => heard).toEqual([{type: 'ice-candidate', candidate: '', session: `${id}.unknown`}]);
  await room.pass(b.id, a.id, {type: 'ice-candidate', candidate: '', session: `${connection.id}.unknown`});
  await sendAndCompare(connection, 1_000_000);
  expect(connection.state).toBe('connected');
});

it('lets nobody in that it was not told to', async () => {
  await using pair = await createPair();
  await expect(pair.a.client.connect(pair.b.id, {signal: signal(), deadlineMs: 500})).rejects.toMatchObject({
    code: 'ICE_FAILED',
  });
});
