import {connect, type Socket} from 'node:net';
import {once} from 'node:events';
import {networkInterfaces} from 'node:os';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';

import {afterEach, beforeEach, describe, expect, it, vi} from 'vitest';

import {EXIT, QuiverError} from '../../../src/lib/core/errors.ts';
import {createLogger} from '../../../src/lib/observability/logger.ts';
import {controlClient} from '../../../src/lib/service/control-client.ts';
import {createHost, type Host} from '../../../src/lib/service/host.ts';
import {HttpFace} from '../../../src/lib/service/http-face.ts';
import {RouteTable} from '../../../src/lib/service/routes.ts';
import type {Route} from '../../../src/lib/service/service.ts';
import {fakeService} from '../../support/fake-service.ts';
import {temporaryFolder} from '../../support/temporary-folder.ts';

const log = await createLogger({level: 'silent'});
const MiB = 1024 * 1024;
const outside = Object.values(networkInterfaces())
  .flatMap((infos) => infos ?? [])
  .find(({family, internal}) => family === 'IPv4' && !internal)?.address;

let host: Host;
let url: string;
let port: number;
let socketPath: string;
let produced = 0;
let left: AbortSignal | undefined;

const refusal = new QuiverError({
  code: 'NO_CREDIT',
  message: 'no credit',
  fix: 'quiver channel open',
  exit: EXIT.refused,
});

const routes: readonly Route[] = [
  {method: 'POST', path: '/echo', access: 'admin', handle: ({body}) => ({json: {size: JSON.stringify(body).length}})},
  {method: 'POST', path: '/private', access: 'control', handle: ({body}) => ({json: {big: 10n ** 20n, body}})},
  {method: 'GET', path: '/bug', access: 'admin', handle: () => Promise.reject(new Error('the password is hunter2'))},
  {method: 'GET', path: '/refused', access: 'admin', handle: () => Promise.reject(refusal)},
  {
    method: 'GET',
    path: '/query',
    access: 'admin',
    handle: ({query}) => ({status: 201, text: query.get('q') ?? '', contentType: 'text/x-test'}),
  },
  {
    method: 'POST',
    path: '/count',
    access: 'control',
    handle({body, signal}) {
      left = signal;
      const {upTo, size = 0, failAt, wait} = body as {upTo: number; size?: number; failAt?: number; wait?: boolean};
      async function* count() {
        for (produced = 0; produced < upTo; produced += 1) {
          if (produced === failAt) throw refusal;
          yield {n: produced, padding: 'x'.repeat(size)};
        }
        if (wait) await once(signal, 'abort');
      }
      return {ndjson: count()};
    },
  },
];

beforeEach(async () => {
  produced = 0;
  left = undefined;
  socketPath = join(temporaryFolder(), 'c.sock');
  host = createHost({
    services: [fakeService('node', {routes})],
    log,
    profile: 'local',
    version: '9.9.9',
    admin: {host: '127.0.0.1', port: 0},
    socketPath,
  });
  url = (await host.start()).admin!;
  port = Number(new URL(url).port);
});

afterEach(() => host.stop());

/** Sends bytes as they are and returns everything that comes back until the other side closes. */
async function raw(bytes: string, to: {port: number} | {path: string} = {port}): Promise<string> {
  const socket = connect(to as {port: number; host?: string});
  socket.on('error', () => undefined);
  socket.end(bytes);
  return readAll(socket);
}

async function readAll(socket: Socket): Promise<string> {
  let text = '';
  socket.setEncoding('utf8').on('data', (chunk: unknown) => (text += String(chunk)));
  await once(socket, 'close');
  return text;
}

async function readAnswer(socket: Socket): Promise<string> {
  const [chunk] = (await once(socket, 'data')) as [Buffer];
  return chunk.toString();
}

function post(path: string, body: string, headers: Record<string, string> = {'content-type': 'application/json'}) {
  return fetch(`${url}${path}`, {method: 'POST', body, headers});
}

describe('requests from strangers', () => {
  it.skipIf(outside === undefined)('lets no other host take all connections', async () => {
    const face = new HttpFace({
      access: 'admin',
      routes: new RouteTable([]),
      version: '0',
      log,
      stopping: new AbortController().signal,
      listenHost: '0.0.0.0',
    });
    await face.listen({host: '0.0.0.0', port: 0});
    const strangers = Array.from({length: 20}, () => connect(face.port, outside).on('error', () => {}));
    await vi.waitFor(() => expect(strangers.filter(({destroyed}) => destroyed)).toHaveLength(4));
    expect((await fetch(`http://127.0.0.1:${face.port}/`)).status).toBe(404);
    await face.close();
  });

  it('hold no connection, whether they say nothing or half a thing', async () => {
    const held = ['', 'GET /info HT'].map(async (beginning) => {
      const socket = connect({port, allowHalfOpen: true});
      const failed = once(socket, 'error');
      socket.write(beginning);
      // Refused after some seconds, and then not waited for, though this side stays open.
      expect(await readAnswer(socket)).toContain('400');
      const poke = setInterval(() => socket.write('x'), 50);
      expect(await failed).toMatchObject([{code: expect.stringMatching(/EPIPE|ECONNRESET/)}]);
      clearInterval(poke);
    });
    await Promise.all(held);
  }, 15_000);

  it.each([
    ['garbage', '\u0000\u0001\u0002 nonsense\r\n\r\n', '400'],
    ['a TLS handshake', '\u0016\u0003\u0001\u0002\u0000\u0001', '400'],
    ['no Host header', 'GET /info HTTP/1.1\r\nconnection: close\r\n\r\n', '403'],
    ['a name that was pointed here', 'GET /info HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n', '403'],
    ['a loopback look-alike', 'GET /info HTTP/1.1\r\nhost: 127.0.0.1.evil.example\r\nconnection: close\r\n\r\n', '403'],
    ['another address', 'GET /info HTTP/1.1\r\nhost: 192.0.2.1\r\nconnection: close\r\n\r\n', '403'],
    ['a method beyond GET and POST', 'DELETE /info HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n', '405'],
    [
      'a wrong method',
      'POST /info HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 0\r\n\r\n',
      '405',
    ],
    ['an unknown path', 'GET //evil/../info HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n', '404'],
    ['an absolute URL', 'GET http://evil.example/info HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n', '404'],
    [
      'a path that is a property name',
      'GET /__proto__ HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n',
      '404',
    ],
    ['huge headers', `GET /info HTTP/1.1\r\nhost: localhost\r\nx: ${'x'.repeat(20_000)}\r\n\r\n`, '400'],
    ['two lengths', 'POST /echo HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n', '400'],
    [
      'an unknown expectation',
      'GET /info HTTP/1.1\r\nhost: localhost\r\nexpect: cake\r\nconnection: close\r\n\r\n',
      '417',
    ],
  ])('refuses %s', async (_name, bytes, status) => {
    const answer = await raw(bytes);
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(answer.toLowerCase()).toContain('x-quiver: 9.9.9');
    expect(answer.toLowerCase()).not.toContain('access-control');
  });

  it.each(['localhost', '127.0.0.1', '[::1]', 'LOCALHOST'])('answers to the name %s', async (name) => {
    const answer = await raw(`GET /healthz HTTP/1.1\r\nhost: ${name}:${port}\r\nconnection: close\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
  });

  it('still answers afterwards', async () => {
    await Promise.all(Array.from({length: 40}, () => raw('\u0000\r\n\r\n')));
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
  });

  it('survives more connections than it takes', async () => {
    const sockets = Array.from({length: 300}, () => connect(port).on('error', () => undefined));
    await vi.waitFor(() => expect(sockets.filter(({closed}) => closed).length).toBe(300 - 128), 5_000);
    expect(await controlClient(socketPath).get('/healthz')).toEqual({status: 'ready'});
    for (const socket of sockets) socket.destroy();
    await vi.waitFor(async () => expect((await fetch(`${url}/healthz`)).status).toBe(200), 5_000);
  });

  it('is not reachable through a browser page: JSON only, control routes not at all', async () => {
    expect((await post('/echo', '{}', {'content-type': 'text/plain'})).status).toBe(415);
    expect((await post('/private', '{}')).status).toBe(403);
    expect((await post('/stop', '{}')).status).toBe(403);
    expect((await fetch(`${url}/info`, {method: 'OPTIONS'})).status).toBe(405);
  });
});

describe('bodies', () => {
  it('takes up to 1 MiB on the admin port and 4 MiB on the control socket', async () => {
    const text = (bytes: number) => JSON.stringify('x'.repeat(bytes - 2));
    expect(await (await post('/echo', text(MiB))).json()).toEqual({size: MiB});
    expect((await post('/echo', text(MiB + 1))).status).toBe(413);
    const control = controlClient(socketPath);
    await expect(control.post('/private', 'x'.repeat(4 * MiB - 2))).resolves.toMatchObject({
      big: '100000000000000000000',
    });
    await expect(control.post('/private', 'x'.repeat(4 * MiB))).rejects.toMatchObject({code: 'BODY_TOO_LARGE'});
  });

  it('counts a body that does not say its length', async () => {
    const chunk = `${(64 * 1024).toString(16)}\r\n${'x'.repeat(64 * 1024)}\r\n`;
    const head =
      'POST /echo HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n';
    expect(await raw(head + chunk.repeat(17))).toMatch(/^HTTP\/1\.1 413 /);
  });

  it.each(['{', '\u0000', '{"a":1}}'])('refuses %j as JSON', async (body) => {
    const answer = await post('/echo', body);
    expect([answer.status, await answer.json()]).toMatchObject([400, {code: 'BODY_JSON'}]);
  });
});

describe('answers', () => {
  it('carries expected errors whole, and of others only that they happened', async () => {
    const refused = await fetch(`${url}/refused`);
    expect([refused.status, await refused.json()]).toEqual([
      403,
      {code: 'NO_CREDIT', message: 'no credit', fix: 'quiver channel open', exit: 4},
    ]);
    const bug = await fetch(`${url}/bug`);
    const text = await bug.text();
    expect(bug.status).toBe(500);
    expect(JSON.parse(text)).toMatchObject({code: 'INTERNAL'});
    expect(text).not.toContain('hunter2');
  });

  it('gives routes their query, and takes status and type from them', async () => {
    const answer = await fetch(`${url}/query?q=a%20b&q=c`);
    expect([answer.status, answer.headers.get('content-type'), await answer.text()]).toEqual([
      201,
      'text/x-test',
      'a b',
    ]);
  });

  it('round-trips an error through the client', async () => {
    await expect(controlClient(socketPath).get('/refused')).rejects.toMatchObject({
      name: 'QuiverError',
      code: 'NO_CREDIT',
      fix: 'quiver channel open',
      exit: EXIT.refused,
    });
  });
});

describe('streams', () => {
  async function collect(body: unknown, signal?: AbortSignal): Promise<number[]> {
    const seen: number[] = [];
    for await (const item of controlClient(socketPath).stream('/count', body, signal))
      seen.push((item as {n: number}).n);
    return seen;
  }

  it('delivers every line in order', async () => {
    const seen = await collect({upTo: 5_000, size: 10});
    expect(seen).toEqual(Array.from({length: 5_000}, (_, n) => n));
  });

  it('throws an error that comes in the middle, after what came before it', async () => {
    const seen: unknown[] = [];
    const stream = controlClient(socketPath).stream('/count', {upTo: 9, failAt: 3});
    const read = async () => {
      for await (const item of stream) seen.push(item);
    };
    await expect(read()).rejects.toMatchObject({code: 'NO_CREDIT', fix: 'quiver channel open'});
    expect(seen).toHaveLength(3);
  });

  it('makes no more than a slow reader takes', async () => {
    const socket = connect(socketPath);
    const body = JSON.stringify({upTo: 100_000, size: 1_000});
    socket.write(
      `POST /count HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
    await vi.waitFor(() => expect(produced).toBeGreaterThan(0));
    await sleep(200);
    const stalled = produced;
    await sleep(200);
    expect(produced).toBe(stalled);
    expect(produced).toBeLessThan(5_000);
    socket.destroy();
    await vi.waitFor(() => expect(left?.aborted).toBe(true));
  });

  it('tells the handler when the reader leaves', async () => {
    for await (const _ of controlClient(socketPath).stream('/count', {upTo: 3, wait: true})) break;
    await vi.waitFor(() => expect(left?.aborted).toBe(true));
    const quit = new AbortController();
    const reading = collect({upTo: 3, wait: true}, quit.signal);
    await vi.waitFor(() => expect(produced).toBe(3));
    quit.abort(new Error('enough'));
    await expect(reading).rejects.toThrow('enough');
    await vi.waitFor(() => expect(left?.aborted).toBe(true));
  });

  it('ends with an error when the process stops', async () => {
    const reading = collect({upTo: 3, wait: true});
    reading.catch(() => undefined);
    await vi.waitFor(() => expect(produced).toBe(3));
    await host.stop();
    await expect(reading).rejects.toMatchObject({code: 'STOPPING'});
  });
});
