// What is left when a process, a machine or a line dies without a word.
import {once} from 'node:events';
import {connect, createServer} from 'node:net';
import type {AddressInfo, Socket} from 'node:net';

import {describe, expect, it, onTestFinished} from 'vitest';

import {joinByWebSocket} from '../../../src/lib/signal/client/websocket.ts';
import {spawnClient, spawnServer} from './support/processes.ts';
import {RawClient, rawSocket} from './support/raw.ts';
import {collect, join, JOINS, newKey, next, OFFER, startServer, until} from './support/signal.ts';

const DEADLINE_MS = 30_000;
const DEEP = process.env['QUIVER_DEEP'] === '1';

describe('a server that was killed', () => {
  it.each(DEEP ? JOINS : JOINS.slice(0, 1))(
    'is found again by its clients over %s once it is back',
    {timeout: DEADLINE_MS},
    async (_name, by) => {
      const first = await spawnServer();
      const port = Number(new URL(first.url).port);
      const at = {...(await startServer()), url: first.url};
      const [a, b] = [await join(by, at), await join(by, at)];
      const away = [a, b].map((channel) => next(channel, 'status', ({status}) => status === 'reconnecting'));
      await first.kill();
      await Promise.all(away);
      const waiting = a.send(b.self, OFFER);
      const back = [a, b].map((channel) => next(channel, 'status', ({status}) => status === 'connected', 20_000));
      await spawnServer({port});
      await Promise.all([...back, waiting]);
      await until(() => a.peers().length === 1 && b.peers().length === 1);
      const arrived = next(b, 'message');
      await a.send(b.self, OFFER);
      expect(await arrived).toEqual({from: a.self, message: OFFER});
    },
  );

  it('leaves by itself on SIGTERM, its clients told', {timeout: DEADLINE_MS}, async () => {
    const server = await spawnServer();
    const key = await newKey();
    const client = await RawClient.open(server.url);
    await client.join(server.url, key);
    const exited = once(server.child, 'exit');
    server.child.kill('SIGTERM');
    expect(await client.next('drain')).toMatchObject({type: 'drain'});
    expect(await client.closed).toBe(1001);
    expect(await exited).toEqual([0, null]);
  });
});

describe('a client that was killed', () => {
  it('is gone from its room after a while, and nobody else', {timeout: DEADLINE_MS}, async () => {
    const server = await startServer({limits: {resumeMs: 500}});
    const other = await join(joinByWebSocket, server);
    const victim = await spawnClient(server.url);
    await until(() => other.peers().length === 1);
    const events = collect(other, 'presence');
    await victim.kill();
    await until(() => events.length > 0);
    expect(events).toEqual([{peer: victim.self, state: 'new', present: false}]);
    expect(server.service.exchange.hub.sessions.size).toBe(1);
  });
});

/** A line to a server that can be cut so that neither side hears of it. */
async function fragileLine(url: string): Promise<{url: string; cut: () => void}> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    const onward = connect(Number(new URL(url).port), '127.0.0.1');
    for (const end of [socket, onward]) end.on('error', () => undefined);
    socket.pipe(onward).pipe(socket);
    sockets.push(socket, onward);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = (): void => {
    for (const socket of sockets.splice(0)) socket.unpipe().pause();
  };
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return {url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, cut};
}

describe.skipIf(!DEEP)('a line that is cut without a word (QUIVER_DEEP=1)', () => {
  it('is noticed on both sides by pings', {timeout: 120_000}, async () => {
    const server = await startServer();
    const line = await fragileLine(server.url);
    server.service.exchange.audiences.add(new URL(line.url).host);
    const [a, b] = [await join(joinByWebSocket, {...server, url: line.url}), await join(joinByWebSocket, server)];
    const presence = collect(b, 'presence');
    const away = next(a, 'status', ({status}) => status === 'reconnecting', 60_000);
    const back = next(a, 'status', ({status}) => status === 'connected', 90_000);
    line.cut();
    const [session] = [...server.service.exchange.hub.sessions].filter(({peer}) => peer === a.self);
    await until(() => session!.link === undefined, 60_000);
    await away;
    await back;
    const arrived = next(a, 'message');
    await b.send(a.self, OFFER);
    await arrived;
    expect(presence.filter(({present}) => !present).length).toBeLessThanOrEqual(1);
  });
});

describe.skipIf(!DEEP)('connections on which nothing comes (QUIVER_DEEP=1)', () => {
  it('are closed', {timeout: 60_000}, async () => {
    const server = await startServer();
    const silent = await rawSocket(server.url);
    const slow = await rawSocket(server.url);
    const write = (): void => void slow.socket.write('x: y\r\n');
    slow.socket.write('GET / HTTP/1.1\r\n');
    const timer = setInterval(write, 500);
    onTestFinished(() => clearInterval(timer));
    await Promise.all([silent.closed, slow.closed]);
  });
});
