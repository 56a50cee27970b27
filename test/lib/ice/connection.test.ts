import {Registry} from 'prom-client';
import {describe, expect, it} from 'vitest';

import {createPair, sendAndCompare} from './pair.ts';

const signal = () => AbortSignal.timeout(20_000);

describe('two peers', () => {
  it('connect over host candidates, and measure the path', async () => {
    const metrics = new Registry();
    await using pair = await createPair({each: [{metrics}]});
    const [connection, other] = await pair.connect();
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
    expect(await other.closed).toBeUndefined();
  });

  it('are joined by one connection when their offers cross', async () => {
    await using pair = await createPair();
    // Longer than the greater id waits for the offer of the other.
    pair.room.delayMs = 1_700;
    let offers = 0;
    pair.room.tamper = (message) => {
      if (message.type === 'offer') offers += 1;
      return message;
    };
    const [connection] = await pair.connect();
    expect(offers).toBeGreaterThan(1);
    await sendAndCompare(connection, 100_000);
    expect([pair.a, pair.b].map(({client}) => client.connections.length)).toEqual([1, 1]);
  });

  it('go on with what they send when ICE is restarted on either side', async () => {
    await using pair = await createPair();
    const [connection, other] = await pair.connect();
    const restarts: Promise<void>[] = [];
    await sendAndCompare(connection, 12_000_000, (sent) => {
      if (sent === 2_000_000) restarts.push(connection.restart());
      if (sent === 6_000_000) restarts.push(other.restart());
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
    await using pair = await createPair();
    const lost = new Set<string>();
    pair.room.tamper = (message, from) => {
      const name = `${from} ${message.type}`;
      if (lost.has(name)) return message;
      lost.add(name);
      return undefined;
    };
    const [connection] = await pair.connect();
    await sendAndCompare(connection, 100_000);
    expect(lost.size).toBeGreaterThanOrEqual(4);
  });
});

describe('a signalling server that cheats', () => {
  it.each(['offer', 'answer'] as const)('can not put its own fingerprint into the %s', async (type) => {
    await using pair = await createPair();
    pair.room.tamper = (message) =>
      message.type === type
        ? {...message, sdp: message.sdp.replace(/(fingerprint:sha-256 )\S+/, `$1${Array(32).fill('AB').join(':')}`)}
        : message;
    await expect(pair.connect(1_000)).rejects.toMatchObject({code: 'ICE_FAILED'});
    expect(pair.room.arrived.some(({message}) => message.type === type)).toBe(true);
  });

  it('can not speak in the name of another, nor open anything by saying an offer again', async () => {
    await using pair = await createPair();
    const {room, a, b} = pair;
    const offers: Parameters<typeof room.pass>[2][] = [];
    room.tamper = (message) => {
      if (message.type === 'offer') offers.push(message);
      return message;
    };
    const [connection, other] = await pair.connect();
    await room.pass('12D3KooWAijELR7iGySbNC2uNgM4Jx3ZjPpyAaCtiYNVbMYkxiTW', b.id, offers[0]!);
    for (let again = 0; again < 5; again++) await room.pass(a.id, b.id, offers[0]!);
    await sendAndCompare(connection, 1_000_000);
    await connection.close();
    await other.closed;
    for (let again = 0; again < 5; again++) await room.pass(a.id, b.id, offers[0]!);
    // What is said last arrives last, and what is taken up is there at once.
    await room.settled();
    expect(b.client.connections).toEqual([]);
  });

  it('can send rubbish', async () => {
    await using pair = await createPair();
    const {room, a, b} = pair;
    const connecting = pair.connect();
    for (const session of [undefined, '', 'x', `${'a'.repeat(16)}.b`]) {
      const labelled = session === undefined ? {} : {session};
      for (const sdp of ['v=0', 'v=0\r\na=quiver-auth:AAAA\r\n']) {
        await room.pass(a.id, b.id, {type: 'offer', sdp, ...labelled});
        await room.pass(a.id, b.id, {type: 'answer', sdp, ...labelled});
      }
      await room.pass(a.id, b.id, {type: 'ice-candidate', candidate: 'candidate:rubbish', ...labelled});
    }
    const [connection] = await connecting;
    await sendAndCompare(connection, 100_000);
  });
});

it('says that it does not know a connection, which is believed only where nothing else works', async () => {
  await using pair = await createPair();
  const {room, a, b} = pair;
  const [connection] = await pair.connect();
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

it('lets nobody in whom it has not called', async () => {
  await using pair = await createPair();
  const {room, a, b} = pair;
  const calling = a.client.connect(b.id, {signal: signal(), deadlineMs: 20_000});
  const refused = expect(calling).rejects.toMatchObject({code: 'ICE_CLOSED'});
  await expect
    .poll(() => room.arrived.filter(({to, message}) => to === b.id && message.type === 'offer'))
    .not.toEqual([]);
  expect(b.client.connections).toEqual([]);
  await a.client.close();
  await refused;
  expect(room.arrived.filter(({to, message}) => to === a.id && message.type === 'answer')).toEqual([]);
});
