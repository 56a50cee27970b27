import {describe, expect, it} from 'vitest';

import {joinByWebSocket} from '../../../src/lib/signal/client/websocket.ts';
import {collect, join, newKey, next, OFFER, startServer, until} from './support/signal.ts';
import {hasRedis, spawnServer, startRedis} from './support/processes.ts';

const DEADLINE_MS = 30_000;
const DEEP = process.env['QUIVER_DEEP'] === '1';

describe.skipIf(!hasRedis && process.env['CI'] !== 'true')('servers that share a Redis (needs redis-server)', () => {
  it('have their rooms in common, across processes', {timeout: DEADLINE_MS}, async () => {
    const {url: redisUrl} = await startRedis();
    const [one, two] = [await startServer({redisUrl}), await spawnServer({redisUrl})];
    const a = await join(joinByWebSocket, one);
    a.report('checking');
    const arrival = next(a, 'presence');
    const b = await join(joinByWebSocket, [{...one, url: two.url}]);
    expect(await arrival).toEqual({peer: b.self, state: 'new', present: true});
    expect(b.peers()).toEqual([{peer: a.self, state: 'checking'}]);
    const [toA, toB] = [next(a, 'message'), next(b, 'message')];
    await a.send(b.self, OFFER);
    expect(await toB).toEqual({from: a.self, message: OFFER});
    await b.send(a.self, {type: 'answer', sdp: 'v=0'});
    expect(await toA).toEqual({from: b.self, message: {type: 'answer', sdp: 'v=0'}});
    const failed = next(a, 'presence', ({state}) => state === 'failed');
    b.report('failed');
    await failed;
    const left = next(a, 'presence', ({present}) => !present);
    await b.close();
    await left;
    expect(one.service.info()).toMatchObject({status: 'ready', metadata: {shared: true}});
    expect(one.logged.join('') + two.logged()).not.toContain('canary');
  });

  it('move a peer that joins at another of them', {timeout: DEADLINE_MS}, async () => {
    const {url: redisUrl} = await startRedis();
    const [one, two] = [await startServer({redisUrl}), await startServer({redisUrl})];
    const peerKey = await newKey();
    const witness = await join(joinByWebSocket, one);
    const before = await join(joinByWebSocket, one, {peerKey});
    const closed = next(before, 'status', ({status}) => status === 'closed');
    const after = await join(joinByWebSocket, two, {peerKey});
    expect(await closed).toMatchObject({error: {code: 'SIGNAL_REPLACED'}});
    const arrived = next(after, 'message');
    await witness.send(after.self, OFFER);
    await arrived;
    expect(after.peers()).toEqual([{peer: witness.self, state: 'new'}]);
  });

  it('forget the peers of one that was killed', {timeout: DEADLINE_MS}, async () => {
    const {url: redisUrl} = await startRedis();
    const timing = {busTiming: {heartbeatMs: 200, lifeMs: 800}};
    const [one, two] = [await startServer({redisUrl, ...timing}), await spawnServer({redisUrl, ...timing})];
    const a = await join(joinByWebSocket, one);
    const b = await join(joinByWebSocket, [{...one, url: two.url}]);
    await until(() => a.peers().length === 1);
    const gone = next(a, 'presence', ({peer, present}) => peer === b.self && !present);
    await two.kill();
    await gone;
    await until(() => one.service.exchange.hub.view(1)[0]?.peers.length === 1);
    const late = await join(joinByWebSocket, one);
    expect(late.peers()).toEqual([{peer: a.self, state: 'new'}]);
  });

  it('go on alone while Redis is away, say so, and find each other again', {timeout: DEADLINE_MS}, async () => {
    const redis = await startRedis();
    const [one, two] = [await startServer({redisUrl: redis.url}), await startServer({redisUrl: redis.url})];
    const [a, b, c] = [
      await join(joinByWebSocket, one),
      await join(joinByWebSocket, two),
      await join(joinByWebSocket, one),
    ];
    await until(() => a.peers().length === 2);
    const presence = collect(a, 'presence');
    await redis.stop();
    await until(() => presence.some(({peer, present}) => peer === b.self && !present));
    expect(one.service.info().status).toBe('degraded');
    const health = await one.service.health(AbortSignal.timeout(5_000));
    expect(health).toMatchObject({ok: true, checks: [{ok: true}, {name: 'redis', ok: false}]});
    const local = next(c, 'message');
    await a.send(c.self, OFFER);
    await local;
    const problem = next(a, 'problem');
    await a.send(b.self, OFFER);
    expect(await problem).toMatchObject({error: {code: 'SIGNAL_NO_SUCH_PEER'}});
    const meanwhile = await join(joinByWebSocket, two);
    await startRedis(redis.port);
    await until(() => a.peers().length === 3, 15_000);
    const arrived = next(meanwhile, 'message');
    await a.send(meanwhile.self, OFFER);
    await arrived;
    expect(one.service.info().status).toBe('ready');
    const notes = one.logged.filter((line) => line.includes('Redis'));
    expect(notes.map((line) => (JSON.parse(line) as {msg: string}).msg)).toEqual([
      expect.stringMatching(/answers/),
      expect.stringMatching(/gone/),
      expect.stringMatching(/answers/),
    ]);
  });

  it('start without one', async () => {
    const server = await startServer({redisUrl: 'redis://127.0.0.1:1'});
    expect(server.service.info().status).toBe('degraded');
    expect(await server.service.health(AbortSignal.timeout(5_000))).toMatchObject({ok: true});
  });

  it.skipIf(!DEEP)('are not held up by one that hangs (QUIVER_DEEP=1)', {timeout: 2 * DEADLINE_MS}, async () => {
    const redis = await startRedis();
    const server = await startServer({redisUrl: redis.url});
    process.kill(redis.pid, 'SIGSTOP');
    const startedAtMs = performance.now();
    const [a, b] = [await join(joinByWebSocket, server), await join(joinByWebSocket, server)];
    expect(performance.now() - startedAtMs).toBeLessThan(4_000);
    const arrived = next(b, 'message');
    await a.send(b.self, OFFER);
    await arrived;
    await until(() => server.service.info().status === 'degraded', 25_000);
    process.kill(redis.pid, 'SIGCONT');
    await until(() => server.service.info().status === 'ready', 25_000);
  });
});
