import {randomBytes} from 'node:crypto';
import {readdirSync} from 'node:fs';

import {describe, expect, it} from 'vitest';

import {joinByWebSocket} from '../../../src/lib/signal/client/websocket.ts';
import {MESSAGE_MAX_BYTES} from '../../../src/lib/signal/protocol.ts';
import {RawClient, rawSocket, tokenFor} from './support/raw.ts';
import {CANDIDATE, join, metric, newKey, OFFER, peerOf, startServer, until} from './support/signal.ts';
import type {TestServer} from './support/signal.ts';

const keys = await Promise.all([newKey(), newKey(), newKey()]);
const [A, B] = keys.map(peerOf) as [string, string, string];

/** Two others still meet. */
async function isWell({service}: TestServer): Promise<void> {
  expect(await service.health(AbortSignal.timeout(5_000))).toMatchObject({ok: true});
}

const ROUNDS = process.env['QUIVER_DEEP'] === '1' ? 1_000 : 30;
const openFiles = (): number => readdirSync('/proc/self/fd').length;

describe('a WebSocket', () => {
  it.each([
    ['another path', {path: '/'}],
    ['no subprotocol', {protocols: []}],
    ['another subprotocol', {protocols: ['chat']}],
    ['a page that is not listed', {origin: 'https://evil.example'}],
    ['a page whose name was pointed here', {origin: 'http://evil.example', headers: {host: 'evil.example'}}],
  ])('is refused with %s', async (_what, options) => {
    const {url} = await startServer({origins: ['https://app.example']});
    await expect(RawClient.open(url, options)).rejects.toThrow(/Unexpected server response: 4\d\d/);
  });

  it('is open to pages that are listed, and to those of the server itself', async () => {
    const {url} = await startServer({origins: ['https://App.example']});
    for (const origin of ['https://app.example', url, url.replace('127.0.0.1', 'localhost')]) {
      await (await RawClient.open(url, {origin})).join(url, keys[0]);
    }
    const open = await startServer({origins: ['*']});
    await RawClient.open(open.url, {origin: 'https://anything.example'});
  });

  it('gets its sender named by the server, whatever it says', async () => {
    const {url} = await startServer();
    const [a, b] = [await RawClient.open(url), await RawClient.open(url)];
    expect(await a.join(url, keys[0])).toMatchObject({self: A, peers: []});
    await b.join(url, keys[1]);
    b.send({...OFFER, room: 'room', to: A, from: peerOf(keys[2]), peer: A, type: 'offer', admin: true});
    expect(await a.next('offer')).toEqual({...OFFER, room: 'room', from: B});
  });

  it('may say nothing before it has joined, and can not join with what others have used', async () => {
    const {url, metrics} = await startServer();
    const [a, b] = [await RawClient.open(url), await RawClient.open(url)];
    a.send({...OFFER, room: 'room', to: B});
    expect(await a.next('error')).toMatchObject({code: 'SIGNAL_NOT_JOINED', of: 'offer', room: 'room', to: B});
    a.send({type: 'join', room: 'room'});
    expect(await a.next('error')).toMatchObject({code: 'SIGNAL_TOKEN', of: 'join'});
    const token = await tokenFor(url, keys[0]);
    a.send({type: 'join', room: 'room', token});
    await a.next('joined');
    b.send({type: 'join', room: 'room', token});
    expect(await b.next('error')).toMatchObject({code: 'SIGNAL_TOKEN_USED'});
    b.send({type: 'join', room: 'other', token: await tokenFor(url, keys[1])});
    expect(await b.next('error')).toMatchObject({code: 'SIGNAL_TOKEN'});
    await b.join(url, keys[1]);
    b.send({type: 'join', room: 'room2', token: await tokenFor(url, keys[2], 'room2')});
    expect(await b.next('error')).toMatchObject({code: 'SIGNAL_IDENTITY'});
    expect(await metric(metrics, 'quiver_signal_refused_total', {reason: 'SIGNAL_TOKEN_USED'})).toBe(1);
  });

  it('may send its first messages before it was let in', async () => {
    const {url} = await startServer();
    const [a, b] = [await RawClient.open(url), await RawClient.open(url)];
    await a.join(url, keys[0]);
    b.send({type: 'join', room: 'room', token: await tokenFor(url, keys[1])});
    b.send({...OFFER, room: 'room', to: A});
    b.send({...CANDIDATE, room: 'room', to: A});
    expect(await a.next('offer')).toMatchObject({from: B});
    expect(await a.next('ice-candidate')).toMatchObject({from: B});
  });

  it('is ended after too much garbage', async () => {
    const server = await startServer();
    const a = await RawClient.open(server.url);
    for (let count = 0; count < 100; count += 1) {
      const garbage = randomBytes(count);
      a.ws.send(count % 2 === 0 ? garbage : garbage.toString('latin1'));
    }
    expect(await a.closed).toBe(1008);
    const b = await RawClient.open(server.url);
    b.ws.send(Buffer.of(0xff), {binary: false});
    expect(await b.closed).toBe(1007);
    await isWell(server);
  });

  it('is ended by one message that is too long, or in too many pieces', async () => {
    const {url} = await startServer();
    const a = await RawClient.open(url);
    a.send('x'.repeat(MESSAGE_MAX_BYTES + 1));
    expect(await a.closed).toBe(1009);
    const b = await RawClient.open(url);
    for (let count = 0; count < 100; count += 1) b.ws.send('', {fin: false});
    expect(await b.closed).toBe(1008);
  });

  it('is ended when it floods, with messages or with pings, while others go on', async () => {
    const server = await startServer();
    const a = await RawClient.open(server.url);
    await a.join(server.url, keys[0]);
    for (let count = 0; count < 2_000; count += 1) a.send({...CANDIDATE, room: 'room', to: B});
    expect(await a.closed).toBe(4009);
    const waiting = await startServer();
    const b = await RawClient.open(waiting.url);
    for (let count = 0; count < 2_000; count += 1) b.ws.ping();
    // By ws itself, without a word, when its answers can not keep up.
    expect([4009, 1006]).toContain(await b.closed);
    await isWell(await startServer());
    expect(await metric(server.metrics, 'quiver_signal_refused_total', {reason: 'SIGNAL_RATE'})).toBeGreaterThan(90);
  });

  it('is ended when it joins no room in time', async () => {
    const {url} = await startServer({limits: {joinMs: 500}});
    expect(await (await RawClient.open(url)).closed).toBe(4008);
  });

  it('is ended when it does not read, and the others are told that it is gone', async () => {
    const limits = {
      resumeMs: 500,
      waitingBytes: 512 * 1024,
      bytesPerSource: {perSecond: 1e9, burst: 1e9},
      messagesPerPeer: {perSecond: 1e6, burst: 1e6},
      messagesPerSource: {perSecond: 1e6, burst: 1e6},
    };
    const server = await startServer({limits});
    const slow = await RawClient.open(server.url);
    await slow.join(server.url, keys[0]);
    slow.ws.pause();
    const b = await RawClient.open(server.url);
    await b.join(server.url, keys[1]);
    const {exchange} = server.service;
    const large = {type: 'offer', sdp: `v=0\r\n${'x'.repeat(60_000)}`, room: 'room', to: A};
    let most = 0;
    const full = async (): Promise<boolean> => {
      for (let count = 0; count < 20; count += 1) b.send(large);
      most = Math.max(most, exchange.backlog.bytes + exchange.hub.sessions.waitingBytes);
      return (await metric(server.metrics, 'quiver_signal_refused_total', {reason: 'SIGNAL_SLOW'})) > 0;
    };
    await until(full, 20_000);
    expect(await b.next('presence')).toMatchObject({peer: A, present: false});
    expect(most).toBeLessThan(2 * 1024 * 1024);
    await until(() => exchange.backlog.bytes + exchange.hub.sessions.waitingBytes === 0);
  });

  it('is one of so many from one address', async () => {
    const server = await startServer({limits: {connectionsPerSource: 4}});
    const clients = await Promise.all(Array.from({length: 4}, () => RawClient.open(server.url)));
    const fifth = await RawClient.open(server.url);
    expect(await fifth.closed).toBe(1013);
    const sockets = await Promise.all(Array.from({length: 10}, () => rawSocket(server.url)));
    await Promise.any(sockets.map(({closed}) => closed));
    for (const {ws} of clients) ws.terminate();
    for (const {socket} of sockets) socket.destroy();
    await until(() => server.service.exchange.hub.sessions.size === 0);
    await isWell(server);
  });

  it('counts by the address that a trusted proxy names, and by no other', async () => {
    const limits = {connectionsPerSource: 1};
    const trusting = await startServer({limits, trustedProxies: ['127.0.0.0/8']});
    const from = (address: string) => ({headers: {'x-forwarded-for': `203.0.113.9, ${address}`}});
    await RawClient.open(trusting.url, from('192.0.2.1'));
    await RawClient.open(trusting.url, from('192.0.2.2'));
    expect(await (await RawClient.open(trusting.url, from('192.0.2.2'))).closed).toBe(1013);
    const plain = await startServer({limits});
    await RawClient.open(plain.url, from('192.0.2.1'));
    expect(await (await RawClient.open(plain.url, from('192.0.2.2'))).closed).toBe(1013);
  });

  it('may take up what it had joined with the secret of its session', async () => {
    const {url} = await startServer();
    const [a, b] = [await RawClient.open(url), await RawClient.open(url)];
    const {session} = await a.join(url, keys[0]);
    await b.join(url, keys[1]);
    a.ws.terminate();
    const again = await RawClient.open(url);
    again.send({type: 'resume', session: 'x'.repeat(32)});
    expect(await again.next('error')).toMatchObject({code: 'SIGNAL_NO_SESSION', of: 'resume'});
    again.send({type: 'resume', session});
    expect(await again.next('joined')).toMatchObject({self: A, room: 'room', peers: [{peer: B}]});
    again.send({...OFFER, room: 'room', to: B});
    expect(await b.next('offer')).toMatchObject({from: A});
  });
});

describe('the port', () => {
  it('survives garbage, cut requests and clients that vanish', async () => {
    const server = await startServer();
    const before = openFiles();
    for (let round = 0; round < 30; round += 1) {
      const {socket} = await rawSocket(server.url);
      const texts = [
        randomBytes(500),
        'GET /v1/signal HTTP/1.1\r\n',
        'GET /v1/signal HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-key: x\r\n\r\n',
        'POST /v1/signal/messages HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{',
        `GET /${'a'.repeat(20_000)} HTTP/1.1\r\n\r\n`,
        '\u0000',
      ];
      socket.write(texts[round % texts.length]!);
      if (round % 2 === 0) setTimeout(() => socket.resetAndDestroy(), 20);
      else setTimeout(() => socket.destroy(), 20);
    }
    await until(() => openFiles() <= before + 2);
    await isWell(server);
    expect(server.logged.filter((line) => line.includes('"level":50'))).toEqual([]);
  });

  it(`has as many open files after ${ROUNDS * 10} peers came and went as before`, {timeout: 300_000}, async () => {
    const many = {perSecond: 1e6, burst: 1e6};
    const limits = {joinsPerSource: many, messagesPerSource: many, connectionsPerSource: 4_000, resumeMs: 100};
    const server = await startServer({limits});
    await isWell(server);
    const before = openFiles();
    for (let round = 0; round < ROUNDS; round += 1) {
      const clients = await Promise.all(Array.from({length: 10}, () => RawClient.open(server.url)));
      await Promise.all(clients.map(async (client) => client.join(server.url, await newKey(), `room${round}`)));
      for (const [index, {ws}] of clients.entries()) {
        if (index % 2 === 0) ws.terminate();
        else ws.close();
      }
      await Promise.all(clients.map(({closed}) => closed));
    }
    const {hub, backlog} = server.service.exchange;
    await until(() => hub.sessions.size === 0 && hub.roomCount === 0);
    expect(backlog.bytes).toBe(0);
    await until(() => openFiles() <= before + 5);
  });

  it('keeps rooms within their limit', async () => {
    const server = await startServer({limits: {peersPerRoom: 2, rooms: 2}});
    await Promise.all([0, 1].map(() => join(joinByWebSocket, server)));
    await join(joinByWebSocket, server, {room: 'two'});
    // A refusal is told once the time is over, in which there might have been room again.
    const refused = (room: string) => join(joinByWebSocket, server, {room, joinDeadlineMs: 4_000});
    await Promise.all([
      expect(refused('room')).rejects.toMatchObject({code: 'SIGNAL_ROOM_FULL'}),
      expect(refused('three')).rejects.toMatchObject({code: 'SIGNAL_FULL'}),
    ]);
  });
});
