import {once} from 'node:events';
import {copyFileSync, writeFileSync} from 'node:fs';
import {connect, createServer} from 'node:net';
import type {Socket} from 'node:net';
import {setTimeout} from 'node:timers/promises';
import {connect as connectTls} from 'node:tls';

import {Registry} from 'prom-client';
import {describe, expect, it, onTestFinished, vi} from 'vitest';

import {SignalService} from '../../../src/lib/signal/signal-service.ts';
import {writeCertificate} from '../../support/lab/certificate.ts';
import {temporaryFolder} from '../../support/temporary-folder.ts';
import {trust} from '../../support/trust.ts';
import {RawClient, tokenFor} from './support/raw.ts';
import {
  CANDIDATE,
  contextOf,
  join,
  JOINS,
  metric,
  newKey,
  next,
  OFFER,
  peerOf,
  PREFIX,
  startServer,
  until,
} from './support/signal.ts';

const keys = await Promise.all([newKey(), newKey()]);
const [A, B] = keys.map(peerOf) as [string, string];

type Answer = {status: number; headers: Headers; body: any};

async function ask(
  url: string,
  method: string,
  init: {body?: unknown; session?: string; headers?: Record<string, string>} = {},
): Promise<Answer> {
  const {body, session, headers} = init;
  const response = await fetch(`${url}/v1/signal/messages`, {
    method,
    headers: {
      ...(body !== undefined && {'content-type': 'application/json'}),
      ...(session !== undefined && {authorization: `Bearer ${session}`}),
      ...headers,
    },
    ...(body !== undefined && {body: typeof body === 'string' ? body : JSON.stringify(body)}),
  });
  const text = await response.text();
  return {status: response.status, headers: response.headers, body: text === '' ? undefined : JSON.parse(text)};
}

const post = (url: string, body: unknown, session?: string): Promise<Answer> =>
  ask(url, 'POST', {body, ...(session !== undefined && {session})});

async function poll(url: string, session: string, after = 0): Promise<Answer> {
  const response = await fetch(`${url}/v1/signal/messages?after=${after}`, {
    headers: {authorization: `Bearer ${session}`},
  });
  return {status: response.status, headers: response.headers, body: await response.json()};
}

async function enter(url: string, key: (typeof keys)[0], room = 'room'): Promise<string> {
  const {status, body} = await post(url, {type: 'join', room, token: await tokenFor(url, key, room)});
  expect(status).toBe(200);
  return body.session;
}

describe('posting and polling', () => {
  it('is the same exchange, with every message kept until it has arrived', async () => {
    const {url} = await startServer();
    const [a, b] = [await enter(url, keys[0]), await enter(url, keys[1])];
    const first = await poll(url, a);
    expect(first.body.messages).toMatchObject([
      {type: 'joined', self: A},
      {type: 'presence', peer: B, present: true},
    ]);
    const lines = [OFFER, CANDIDATE, CANDIDATE].map((message) => JSON.stringify({...message, room: 'room', to: A}));
    expect(await post(url, lines.join('\n'), b)).toMatchObject({status: 200, body: {errors: []}});
    const second = await poll(url, a, first.body.next);
    expect(second.body.messages.map(({type}: {type: string}) => type)).toEqual([
      'offer',
      'ice-candidate',
      'ice-candidate',
    ]);
    expect(await poll(url, a, first.body.next)).toMatchObject({body: second.body});
    const waiting = poll(url, a, second.body.next);
    await post(url, {type: 'state', room: 'room', state: 'connected'}, b);
    expect((await waiting).body.messages).toMatchObject([{type: 'presence', peer: B, state: 'connected'}]);
    expect(await ask(url, 'DELETE', {session: b})).toMatchObject({status: 204});
    expect((await poll(url, a, (await waiting).body.next)).body.messages).toMatchObject([{peer: B, present: false}]);
    expect(await poll(url, b)).toMatchObject({status: 404, body: {error: {code: 'SIGNAL_NO_SESSION'}}});
  });

  it('says in the answer which of the messages was refused', async () => {
    const {url} = await startServer();
    const session = await enter(url, keys[0]);
    const {status, body} = await post(
      url,
      `{"type":"leave","room":"x"}\n${JSON.stringify({...OFFER, room: 'room', to: B})}\nx`,
      session,
    );
    expect(status).toBe(200);
    expect(body.errors).toMatchObject([
      {code: 'SIGNAL_NOT_JOINED'},
      {code: 'SIGNAL_NO_SUCH_PEER', to: B},
      {code: 'SIGNAL_INVALID'},
    ]);
  });

  it('answers what is wrong with a status of its own', async () => {
    const {url} = await startServer({allowedPeers: [A]});
    expect(await post(url, {type: 'join', room: 'room'})).toMatchObject({status: 401});
    expect(await post(url, {type: 'leave', room: 'room'})).toMatchObject({status: 400});
    expect(await post(url, 'x')).toMatchObject({status: 400, body: {error: {code: 'SIGNAL_INVALID'}}});
    expect(await post(url, '')).toMatchObject({status: 400});
    expect(await post(url, {type: 'join', room: 'room', token: await tokenFor(url, keys[1])})).toMatchObject({
      status: 403,
    });
    expect(await post(url, 'x'.repeat(200_000))).toMatchObject({status: 413});
    expect(await post(url, 'x\n'.repeat(100))).toMatchObject({status: 413});
    expect(await post(url, OFFER, 'x'.repeat(32))).toMatchObject({status: 404});
    expect(await ask(url, 'PUT', {body: {}})).toMatchObject({status: 405});
    expect(await ask(url, 'POST', {body: {}, headers: {'content-type': 'text/plain'}})).toMatchObject({status: 415});
    expect(await ask(url, 'GET')).toMatchObject({status: 404});
    expect((await fetch(`${url}/elsewhere`)).status).toBe(404);
  });

  it('is open to pages that are listed, and says so to browsers', async () => {
    const {url} = await startServer({origins: ['https://app.example']});
    const from = (origin: string) => ({headers: {origin, 'access-control-request-method': 'POST'}});
    const allowed = await ask(url, 'OPTIONS', from('https://app.example'));
    expect(allowed.status).toBe(204);
    expect(allowed.headers.get('access-control-allow-origin')).toBe('https://app.example');
    expect(allowed.headers.get('access-control-allow-headers')).toContain('authorization');
    expect(await ask(url, 'OPTIONS', from('https://evil.example'))).toMatchObject({status: 403});
  });

  it('answers one poll at a time, and tells a session that was replaced', async () => {
    const {url} = await startServer();
    const session = await enter(url, keys[0]);
    const {next: last} = (await poll(url, session)).body;
    const [first, second] = [poll(url, session, last), poll(url, session, last)];
    expect(await Promise.race([first, second])).toMatchObject({status: 200, body: {messages: []}});
    await enter(url, keys[0]);
    const left = await Promise.all([first, second]);
    expect(left.map(({status}) => status)).toContain(409);
  });

  it('ends a session whose client reads nothing', async () => {
    const server = await startServer({limits: {waitingMessages: 10}});
    const session = await enter(server.url, keys[0]);
    const b = await RawClient.open(server.url);
    await b.join(server.url, keys[1]);
    for (let count = 0; count < 20; count += 1) b.send({...CANDIDATE, room: 'room', to: A});
    await until(async () => (await poll(server.url, session)).status === 404);
    expect(server.service.exchange.backlog.bytes).toBe(0);
  });

  it('stops although somebody has said goodbye and does not go', async () => {
    const {url, service} = await startServer();
    const socket = connect({port: Number(new URL(url).port), host: '127.0.0.1', allowHalfOpen: true});
    socket.on('error', () => undefined);
    const head = [
      'GET /v1/signal HTTP/1.1',
      'host: localhost',
      'connection: upgrade',
      'upgrade: websocket',
      'sec-websocket-version: 13',
      'sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==',
      'sec-websocket-protocol: quiver.signal.v1',
    ];
    socket.write(`${head.join('\r\n')}\r\n\r\n`);
    await once(socket, 'data');
    socket.write(Buffer.of(0x88, 0x80, 0, 0, 0, 0)); // a close frame, masked
    await once(socket.resume(), 'end');
    const startedAtMs = performance.now();
    await service.stop();
    expect(performance.now() - startedAtMs).toBeLessThan(3_000);
    socket.destroy();
  }, 40_000);
});

describe('a server with TLS', () => {
  it.each(JOINS)('carries %s', async (_name, by) => {
    const tls = writeCertificate(temporaryFolder(), {name: 'localhost'});
    trust(tls);
    const server = await startServer({tls});
    expect(server.url).toMatch(/^https:/);
    const [a, b] = [await join(by, server), await join(by, server)];
    const arrived = next(b, 'message');
    await a.send(b.self, OFFER);
    await arrived;
    expect(await server.service.health(AbortSignal.timeout(5_000))).toMatchObject({ok: true});
    const byName = {...server, url: server.url.replace('127.0.0.1', 'localhost')};
    await join(by, byName);
  });

  it('waits for no TLS handshake that does not come, neither while it runs nor when it stops', async () => {
    const {url, service} = await startServer({tls: writeCertificate(temporaryFolder())});
    const hold = (bytes: string): Socket => {
      const socket = connect({port: Number(new URL(url).port), host: '127.0.0.1', allowHalfOpen: true});
      socket.on('error', () => undefined).resume();
      socket.write(bytes);
      return socket;
    };
    const held = ['', '\u0016\u0003\u0001\u0002\u0000\u0001', 'GET / HTTP/1.1\r\n\r\n'].map(hold);
    await Promise.all(held.map((socket) => once(socket, 'end')));
    const late = hold('');
    await once(late, 'connect');
    const startedAtMs = performance.now();
    await service.stop();
    expect(performance.now() - startedAtMs).toBeLessThan(3_000);
    for (const socket of [...held, late]) socket.destroy();
  }, 15_000);

  it('is not trusted by anybody else', async () => {
    const server = await startServer({tls: writeCertificate(temporaryFolder())});
    for (const [, by] of JOINS) {
      await expect(join(by, server, {joinDeadlineMs: 150})).rejects.toMatchObject({code: 'SIGNAL_UNREACHABLE'});
    }
  });

  it('takes a renewed certificate without a restart, and keeps the old one while the new one is broken', async () => {
    const tls = writeCertificate(temporaryFolder(), {name: 'old.example'});
    const renewed = writeCertificate(temporaryFolder(), {name: 'new.example'});
    const server = await startServer({tls, certificatePollMs: 20});
    const shown = (): Promise<string> =>
      new Promise((resolve, reject) => {
        const socket = connectTls({
          port: Number(new URL(server.url).port),
          host: '127.0.0.1',
          rejectUnauthorized: false,
        });
        socket.once('error', reject);
        socket.once('secureConnect', () => {
          resolve(String(socket.getPeerCertificate().subject.CN));
          socket.destroy();
        });
      });
    writeFileSync(tls.certFile, 'half of a');
    await setTimeout(80);
    expect(await shown()).toBe('old.example');
    copyFileSync(renewed.keyFile, tls.keyFile);
    copyFileSync(renewed.certFile, tls.certFile);
    await vi.waitFor(async () => expect(await shown()).toBe('new.example'), {timeout: 5_000, interval: 20});
  });

  it('does not start with files that are none', async () => {
    const tls = writeCertificate(temporaryFolder());
    const other = writeCertificate(temporaryFolder());
    const mixed = {...tls, keyFile: other.keyFile};
    await expect(startServer({tls: mixed})).rejects.toMatchObject({code: 'TLS_CERTIFICATE_BROKEN'});
    await expect(startServer({tls: {...tls, keyFile: '/nowhere'}})).rejects.toMatchObject({code: 'FILE_MISSING'});
  });
});

describe('the signalling service', () => {
  it('is well when two peers can meet, also with a list of peers and over IPv6', async () => {
    const {service} = await startServer({allowedPeers: [A]});
    const health = await service.health(AbortSignal.timeout(5_000));
    expect(health).toMatchObject({ok: true, checks: [{name: 'two peers meet'}]});
    await until(() => service.exchange.hub.sessions.size === 0);
    const six = await startServer({host: '::1'});
    expect(six.url).toMatch(/^http:\/\/\[::1\]:\d+$/);
    expect(await six.service.health(AbortSignal.timeout(5_000))).toMatchObject({ok: true});
  });

  it('is not well when nobody can come in, and says why', async () => {
    const server = await startServer({limits: {connections: 0}});
    const {ok, checks} = await server.service.health(AbortSignal.timeout(300));
    expect(ok).toBe(false);
    expect(checks[0]?.detail).toMatch(/full|closed/);
  });

  it('says where it is and what goes on in it', async () => {
    const server = await startServer({host: '0.0.0.0', publicUrls: ['https://signal.example.org']});
    expect(server.service.info()).toMatchObject({
      kind: 'network.signal',
      status: 'ready',
      publicAddresses: ['https://signal.example.org'],
      protocol: `${PREFIX}/signal/1.0.0`,
      metadata: {rooms: 0, connections: 0},
    });
    expect([...server.service.exchange.audiences]).toContain('signal.example.org:443');
    const local = {...server, url: server.url.replace('0.0.0.0', '127.0.0.1')};
    const a = await join(JOINS[0]![1], local);
    a.report('checking');
    const [route] = server.service.routes();
    await until(async () => (await metric(server.metrics, 'quiver_signal_peers', {state: 'checking'})) === 1);
    const reply = await route!.handle({
      query: new URLSearchParams(),
      body: undefined,
      signal: AbortSignal.timeout(1_000),
    });
    expect(reply).toMatchObject({
      json: {
        rooms: 1,
        connections: 1,
        draining: false,
        shown: [{room: 'room', peers: [{peer: a.self, state: 'checking', face: 'websocket', connected: true}]}],
      },
    });
    expect(await metric(server.metrics, 'quiver_signal_rooms')).toBe(1);
    expect(await metric(server.metrics, 'quiver_signal_connections', {face: 'websocket'})).toBe(1);
    expect(await metric(server.metrics, 'quiver_signal_messages_total', {type: 'join'})).toBe(1);
    expect((await fetch(`${local.url}/healthz`)).status).toBe(200);
  });

  it('names who has its port', async () => {
    const holder = createServer();
    await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void holder.close());
    const {port} = holder.address() as {port: number};
    await expect(startServer({port})).rejects.toMatchObject({
      code: 'PORT_IN_USE',
      message: expect.stringContaining('pid'),
    });
    await expect(startServer({host: '192.0.2.1'})).rejects.toMatchObject({code: 'HOST_NOT_HERE'});
  });

  it('tells clients to go elsewhere when it drains, lets nobody in, and ends what is left', async () => {
    const server = await startServer();
    const a = await RawClient.open(server.url);
    await a.join(server.url, keys[0]);
    const session = await enter(server.url, keys[1]);
    const draining = server.service.drain();
    expect(await a.next('drain')).toEqual({type: 'drain', retryAfterMs: 1_000});
    await expect(RawClient.open(server.url)).rejects.toThrow(/503/);
    expect(await post(server.url, {type: 'join', room: 'room'})).toMatchObject({status: 503});
    expect((await fetch(`${server.url}/healthz`)).status).toBe(503);
    expect(await server.service.health(AbortSignal.timeout(1_000))).toMatchObject({ok: false});
    a.send({...OFFER, room: 'room', to: B});
    const {body} = await poll(server.url, session);
    expect(body.messages).toMatchObject([{type: 'joined'}, {type: 'drain'}, {type: 'offer', from: A}]);
    await draining;
    await server.service.stop();
    expect(await a.closed).toBe(1001);
    await server.service.stop();
  });

  it('logs no token, no session and no SDP', async () => {
    const server = await startServer();
    const a = await RawClient.open(server.url);
    const token = await tokenFor(server.url, keys[0]);
    a.send({type: 'join', room: 'room', token});
    const {session} = await a.next('joined');
    a.send({...OFFER, room: 'room', to: B, sdp: 'v=0 canary'});
    a.send({type: 'join', room: 'room', token: `${token}x`});
    await a.next('error');
    const text = server.logged.join('\n') + JSON.stringify(server.service.info()) + (await server.metrics.metrics());
    for (const secret of [token, session as string, 'canary']) expect(text).not.toContain(secret);
  });

  it('starts and stops on a host without leaving anything behind', async () => {
    const service = new SignalService({protocolPrefix: PREFIX, host: '127.0.0.1', port: 0});
    await service.stop();
    await service.start(contextOf(new Registry(), []));
    await service.stop();
    expect(service.info().status).toBe('stopped');
  });
});
