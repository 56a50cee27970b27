import {writeFileSync} from 'node:fs';
import {createServer, request as httpRequest, type IncomingHttpHeaders} from 'node:http';
import {connect} from 'node:net';
import {once} from 'node:events';
import {networkInterfaces} from 'node:os';
import {join} from 'node:path';

import {afterEach, describe, expect, it, vi} from 'vitest';

import {createLogger} from '../../../../src/lib/observability/logger.ts';
import {controlClient} from '../../../../src/lib/service/control-client.ts';
import {createHost, type Host} from '../../../../src/lib/service/host.ts';
import type {Service} from '../../../../src/lib/service/service.ts';
import {parseIceUrl, readIceAnswer} from '../../../../src/lib/stun/ice-server.ts';
import type {IceApiOptions} from '../../../../src/lib/turn/ice-api/ice-api-options.ts';
import {IceApiService} from '../../../../src/lib/turn/ice-api/ice-api-service.ts';
import {loadToken} from '../../../../src/lib/turn/ice-api/token.ts';
import {checkAllocate} from '../../../../src/lib/turn/io/self-check.ts';
import {TurnService} from '../../../../src/lib/turn/turn-service.ts';
import {temporaryFolder} from '../../../support/temporary-folder.ts';

const SECRET = 'correct-horse-battery-staple';
const TOKEN = 'f'.repeat(64);
const URLS = ['stun:turn.example:3478', 'turn:turn.example:3478?transport=udp'];
const PATH = '/api/v1/turn/ice-servers';
const QUERY = '?user_did=did:peers:alice';
/** As a proxy on this machine passes a stranger's request on. */
const FROM_AFAR = {'x-forwarded-for': '198.51.100.7'};

/** An address of this machine that is not loopback: calls to it come from there. */
const outside = Object.values(networkInterfaces())
  .flatMap((infos) => infos ?? [])
  .find(({family, internal}) => family === 'IPv4' && !internal)?.address;

const log = await createLogger({level: 'silent'});
const hosts: Host[] = [];

afterEach(async () => {
  await Promise.all(hosts.splice(0).map((host) => host.stop()));
});

interface Started {
  host: Host;
  service: IceApiService;
  base: string;
  get(path?: string, headers?: Record<string, string>, method?: string): Promise<Reply>;
}

interface Reply {
  status: number;
  headers: IncomingHttpHeaders;
  body: {ice_servers?: {urls: string[]; username?: string}[]; ttl?: number; error?: {code: string; fix: string}};
}

async function start(options: Partial<IceApiOptions> = {}, others: readonly Service[] = []): Promise<Started> {
  const service = new IceApiService({port: 0, secrets: () => [SECRET], urls: URLS, ...options});
  const socketPath = join(temporaryFolder(), 'control.sock');
  const admin = {host: '127.0.0.1', port: 0};
  const host = createHost({services: [...others, service], log, profile: 'local', version: '0', socketPath, admin});
  hosts.push(host);
  await host.start();
  const [address] = service.info().addresses;
  const base = address?.replace(PATH, '') ?? '';
  return {
    host,
    service,
    base,
    get: (path = PATH + QUERY, headers = {}, method = 'GET') => ask(base, path, headers, method),
  };
}

async function ask(base: string, path: string, headers: Record<string, string>, method: string): Promise<Reply> {
  const {hostname, port} = new URL(base);
  const request = httpRequest({host: hostname.replace(/[[\]]/g, ''), port, path, headers, method, agent: false}).end();
  const [response] = (await once(request, 'response')) as [import('node:http').IncomingMessage];
  const text = (await response.setEncoding('utf8').toArray()).join('');
  return {status: response.statusCode ?? 0, headers: response.headers, body: text === '' ? {} : JSON.parse(text)};
}

async function metric(host: Host, name: string): Promise<string[]> {
  const text = await (await fetch(`${host.info().admin}/metrics`)).text();
  return text.split('\n').filter((line) => line.startsWith(`${name}{`));
}

describe('the ICE servers API', () => {
  it.each([PATH, '/api/v1/ice/servers'])('answers at %s', async (path) => {
    const {get, host} = await start();
    const {status, headers, body} = await get(path + QUERY);
    expect(status).toBe(200);
    expect(headers).toMatchObject({'content-type': 'application/json', 'cache-control': 'no-store'});
    expect(readIceAnswer(body).servers).toEqual([
      {urls: URLS, username: expect.stringMatching(/^\d{10}:did:peers:alice$/), credential: expect.any(String)},
    ]);
    const seconds = Number(body.ice_servers?.[0]?.username?.split(':')[0]) - Date.now() / 1_000;
    expect(seconds).toBeGreaterThan(3_590);
    expect(seconds).toBeLessThanOrEqual(3_600);
    expect(await metric(host, 'quiver_ice_credentials_issued_total')).toEqual([expect.stringMatching(/ 1$/)]);
  });

  it('is taken by a browser’s RTCPeerConnection as it is', async () => {
    const {RTCPeerConnection} = await import('node-datachannel/polyfill');
    const {get} = await start();
    const {body} = await get();
    const connection = new RTCPeerConnection({iceServers: body.ice_servers} as object);
    expect((connection.getConfiguration() as {iceServers?: unknown}).iceServers).toHaveLength(1);
    connection.close();
  });

  it('lists the servers of its own process, wherever they are at the time', async () => {
    let port = 3478;
    const turn: Service = {
      name: 'turn',
      kind: 'network.turn',
      start: async () => {},
      stop: async () => {},
      health: async () => ({ok: true, checks: []}),
      info: () => ({
        name: 'turn',
        kind: 'network.turn',
        status: 'ready',
        addresses: [`turn:127.0.0.1:${port}?transport=udp`],
        publicAddresses: [],
        metadata: {},
      }),
    };
    const {get} = await start({urls: [], after: ['turn']}, [turn]);
    expect((await get()).body.ice_servers?.[0]?.urls).toEqual([
      'stun:127.0.0.1:3478',
      'turn:127.0.0.1:3478?transport=udp',
    ]);
    port = 3479;
    expect((await get()).body.ice_servers?.[0]?.urls[0]).toBe('stun:127.0.0.1:3479');
  });

  it('gives credentials that the TURN server beside it takes', async () => {
    const turn = new TurnService({
      listen: {hosts: ['127.0.0.1'], port: 0, tcp: true},
      relay: {addresses: [{address: '127.0.0.1'}], ports: [41_000, 41_099]},
      realm: 'turn.example',
      secrets: [SECRET],
      users: new Map(),
      peers: {allow: [], deny: []},
    });
    const {get} = await start({urls: [], after: ['turn']}, [turn]);
    const [server] = readIceAnswer((await get()).body).servers;
    expect(server!.urls.map((url) => parseIceUrl(url)!.scheme)).toEqual(['stun', 'turn', 'turn']);
    for (const url of server!.urls.slice(1)) {
      const {host, port, transport} = parseIceUrl(url)!;
      const login = {username: server!.username!, credential: server!.credential!};
      const signal = AbortSignal.timeout(5_000);
      expect(await checkAllocate({transport, address: host, port}, 4, login, signal)).toBe('works');
      const forged = {...login, username: login.username.replace(/^\d+/, '9999999999')};
      await expect(checkAllocate({transport, address: host, port}, 4, forged, signal)).rejects.toMatchObject({
        code: 'TURN_REFUSED',
      });
    }
  });

  it('does not say that it is ready with nothing to list', async () => {
    const service = new IceApiService({port: 0, secrets: () => [SECRET]});
    const health = await service.health(AbortSignal.timeout(1_000));
    expect(health).toMatchObject({
      ok: false,
      checks: [{name: 'servers', fix: expect.stringContaining('quiver turn start')}],
    });
  });

  it('says 503 once its TURN server is gone', async () => {
    const urls: string[] = [...URLS];
    const {get} = await start({urls});
    urls.length = 0;
    expect(await get()).toMatchObject({status: 503, body: {error: {code: 'ICE_NO_SERVERS'}}});
  });

  it('names public STUN servers only when told, and never as TURN', async () => {
    const {get} = await start({publicFallback: ['stun:stun.example:3478']});
    expect((await get()).body.ice_servers?.map(({urls}) => urls)).toEqual([URLS, ['stun:stun.example:3478']]);
    expect(() => new IceApiService({secrets: () => [], publicFallback: ['turn:turn.example']})).toThrow('turn.example');
  });

  it('issues with the newest secret, which may change while it runs', async () => {
    let secrets = [SECRET];
    const {get} = await start({secrets: () => secrets, lifetimeMs: 60_000});
    const before = readIceAnswer((await get()).body);
    secrets = ['another-secret-of-the-operator', SECRET];
    const after = readIceAnswer((await get()).body);
    expect(before.ttlMs).toBe(60_000);
    if (before.servers[0]?.username === after.servers[0]?.username) {
      expect(before.servers[0]?.credential).not.toBe(after.servers[0]?.credential);
    }
  });

  it.each([
    ['', 400, 'ICE_USER'],
    ['?user_did=alice', 400, 'ICE_USER'],
    [`?user=${'x'.repeat(300)}`, 400, 'ICE_USER'],
    ['?user=%E0%A4%A', 400, 'ICE_USER'],
  ])('refuses the query %j', async (query, status, code) => {
    const {get} = await start();
    expect(await get(PATH + query)).toMatchObject({status, body: {error: {code}}});
  });

  it('refuses other methods and paths', async () => {
    const {get} = await start();
    expect(await get(undefined, {}, 'POST')).toMatchObject({status: 405, headers: {allow: 'GET, OPTIONS'}});
    expect(await get('/api/v1/turn')).toMatchObject({status: 404, body: {error: {code: 'NO_SUCH_ROUTE'}}});
    expect(await get('/healthz')).toMatchObject({status: 200, body: {status: 'ready'}});
  });

  it('keeps nothing of a body for the next request', async () => {
    const {base} = await start();
    const {port} = new URL(base);
    const socket = connect(Number(port), '127.0.0.1');
    const smuggled = `GET /smuggled HTTP/1.1\r\nhost: localhost\r\n\r\n`;
    socket.write(`GET ${PATH}${QUERY} HTTP/1.1\r\nhost: localhost\r\ncontent-length: ${smuggled.length + 1}\r\n\r\n`);
    socket.write(smuggled);
    const text = (await socket.setEncoding('utf8').toArray()).join('');
    expect(text.match(/HTTP\/1\.1/g)).toHaveLength(1);
    expect(text).toMatch(/connection: close/i);
  });

  it('survives garbage and a head that is too long', async () => {
    const {base, get} = await start();
    const {port} = new URL(base);
    for (const bytes of ['\0\0\0\0', 'GET / HTTP/9\r\n\r\n', `GET / HTTP/1.1\r\na: ${'x'.repeat(20_000)}\r\n\r\n`]) {
      const socket = connect(Number(port), '127.0.0.1');
      socket.on('error', () => {});
      socket.end(bytes);
      await once(socket.resume(), 'close');
    }
    expect((await get()).status).toBe(200);
  });
});

describe('connections of the ICE servers API', () => {
  it('end when nothing comes, so that silent ones keep nobody out', async () => {
    const {base, get} = await start();
    const port = Number(new URL(base).port);
    const silent = Array.from({length: 512}, () =>
      connect(port, '127.0.0.1')
        .on('error', () => {})
        .resume(),
    );
    await Promise.all(silent.map((socket) => once(socket, 'close')));
    expect((await get()).status).toBe(200);
  }, 15_000);
});

describe('access to the ICE servers API', () => {
  it('beyond loopback needs a token, or the word that it is public', async () => {
    const options = {host: '0.0.0.0', port: 0, secrets: () => [SECRET], urls: URLS};
    expect(() => new IceApiService(options)).toThrow(expect.objectContaining({code: 'ICE_API_OPEN', exit: 4}) as Error);
    expect(() => new IceApiService({...options, token: TOKEN})).not.toThrow();
    expect(() => new IceApiService({...options, publicIce: true})).not.toThrow();
    expect(() => new IceApiService({...options, port: undefined})).not.toThrow();
  });

  it('is free for callers on this machine, by its own names only', async () => {
    const {get} = await start();
    expect((await get()).status).toBe(200);
    expect((await get(undefined, {host: 'localhost:8083'})).status).toBe(200);
    expect(await get(undefined, {host: 'rebound.example'})).toMatchObject({
      status: 403,
      body: {error: {code: 'WRONG_HOST'}},
    });
  });

  it('needs the token where a proxy passes a request on', async () => {
    const {get, host} = await start({token: TOKEN});
    const refused = await get(undefined, FROM_AFAR);
    expect(refused).toMatchObject({
      status: 401,
      headers: {'www-authenticate': 'Bearer'},
      body: {error: {code: 'ICE_TOKEN'}},
    });
    for (const authorization of [
      'Bearer x',
      `Basic ${TOKEN}`,
      `Bearer ${TOKEN}x`,
      `Bearer ${TOKEN.slice(1)}`,
      'Bearer ',
    ]) {
      expect((await get(undefined, {...FROM_AFAR, authorization})).status).toBe(401);
    }
    expect((await get(undefined, {...FROM_AFAR, authorization: `Bearer ${TOKEN}`})).status).toBe(200);
    expect((await get(undefined, {...FROM_AFAR, authorization: `bearer  ${TOKEN}`})).status).toBe(200);
    for (const header of ['forwarded', 'x-real-ip', 'via', 'cf-connecting-ip']) {
      expect((await get(undefined, {[header]: 'for=127.0.0.1'})).status).toBe(401);
    }
    expect(await metric(host, 'quiver_ice_requests_total')).toEqual(
      expect.arrayContaining([
        'quiver_ice_requests_total{result="issued",service="ice-api"} 2',
        'quiver_ice_requests_total{result="unauthorized",service="ice-api"} 10',
      ]),
    );
  });

  it('is limited for each address, and for each /64', async () => {
    const {get} = await start({publicIce: true, limit: {perSecond: 0.5, burst: 2}});
    const status = async (source: string) => (await get(undefined, {'x-forwarded-for': source})).status;
    expect([await status('198.51.100.7'), await status('198.51.100.7')]).toEqual([200, 200]);
    const limited = await get(undefined, {'x-forwarded-for': '198.51.100.7'});
    expect(limited).toMatchObject({status: 429, headers: {'retry-after': '2'}, body: {error: {code: 'ICE_LIMITED'}}});
    // What comes before the last was said by the caller.
    expect(await status('203.0.113.1, 198.51.100.7')).toBe(429);
    expect(await status('::ffff:198.51.100.7')).toBe(429);
    expect(await status('2002:c633:6407::1')).toBe(200);
    expect(await status('198.51.100.8')).toBe(200);
    expect([await status('2001:db8::1'), await status('2001:db8::2')]).toEqual([200, 200]);
    expect(await status('2001:db8::3')).toBe(429);
    expect(await status('2001:db8:0:1::1')).toBe(200);
    // Callers on this machine, and those with the token, are not counted.
    for (let count = 0; count < 5; count += 1) expect((await get()).status).toBe(200);
  });

  it('is not limited for who has the token', async () => {
    const {get} = await start({token: TOKEN, limit: {perSecond: 0.5, burst: 1}});
    const headers = {...FROM_AFAR, authorization: `Bearer ${TOKEN}`};
    for (let count = 0; count < 5; count += 1) expect((await get(undefined, headers)).status).toBe(200);
    expect((await get(undefined, FROM_AFAR)).status).toBe(401);
    expect((await get(undefined, FROM_AFAR)).status).toBe(429);
  });

  it.skipIf(outside === undefined)('treats callers from outside as strangers, and leaves room for others', async () => {
    const {get, base} = await start({host: '0.0.0.0', token: TOKEN});
    const {port} = new URL(base);
    const from = `http://${outside}:${port}`;
    const authorization = `Bearer ${TOKEN}`;
    expect((await ask(from, PATH + QUERY, {}, 'GET')).status).toBe(401);
    expect((await ask(from, PATH + QUERY, {'x-forwarded-for': '127.0.0.1'}, 'GET')).status).toBe(401);
    expect((await ask(from, PATH + QUERY, {authorization, host: 'turn.example'}, 'GET')).status).toBe(200);

    const sockets = Array.from({length: 80}, () => connect(Number(port), outside).on('error', () => {}));
    await Promise.all(sockets.map((socket) => once(socket, 'connect')));
    const refused = (): number => sockets.filter(({destroyed}) => destroyed).length;
    await vi.waitFor(() => expect(refused()).toBeGreaterThanOrEqual(16));
    // Those of the requests before may not have been counted off yet.
    expect(refused()).toBeLessThanOrEqual(19);
    expect((await get(undefined, {host: 'localhost'})).status).toBe(200);
    for (const socket of sockets) socket.destroy();
    await vi.waitFor(async () => expect((await ask(from, PATH, {authorization}, 'GET')).status).toBe(400));
  });

  it('lets the pages of the list read it, and no others', async () => {
    const {get} = await start({corsOrigins: ['https://App.example']});
    const allowed = await get(undefined, {origin: 'https://app.example'});
    expect(allowed.headers).toMatchObject({'access-control-allow-origin': 'https://app.example', vary: 'origin'});
    expect((await get(PATH, {origin: 'https://app.example'})).headers).toHaveProperty('access-control-allow-origin');
    for (const origin of ['https://evil.example', 'http://app.example', 'https://app.example.evil.example', 'null']) {
      const {headers, status} = await get(undefined, {origin});
      expect(headers).not.toHaveProperty('access-control-allow-origin');
      expect({status, vary: headers.vary}).toEqual({status: 200, vary: 'origin'});
    }
    const {headers} = await (await start({corsOrigins: ['*']})).get(undefined, {origin: 'https://any.example'});
    expect(headers['access-control-allow-origin']).toBe('*');
  });

  it('answers preflights', async () => {
    const {get} = await start({corsOrigins: ['https://app.example'], token: TOKEN});
    const asked = {origin: 'https://app.example', 'access-control-request-method': 'GET'};
    expect(await get(undefined, asked, 'OPTIONS')).toMatchObject({
      status: 204,
      headers: {
        'access-control-allow-origin': 'https://app.example',
        'access-control-allow-methods': 'GET',
        'access-control-allow-headers': 'authorization',
        vary: 'origin',
      },
    });
    const other = await get(undefined, {...asked, origin: 'https://evil.example'}, 'OPTIONS');
    expect(Object.keys(other.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
  });
});

describe('the ICE servers API beside others', () => {
  it('is mounted by another HTTP server', async () => {
    const {service, host} = await start({port: undefined});
    expect(service.info().addresses).toEqual([]);
    const server = createServer((request, response) => {
      if (!service.handler!.handle(request, response)) response.writeHead(418).end();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const base = `http://127.0.0.1:${(server.address() as {port: number}).port}`;
    expect((await ask(base, PATH + QUERY, {}, 'GET')).status).toBe(200);
    expect((await ask(base, '/v1/models', {}, 'GET')).status).toBe(418);
    expect(await metric(host, 'quiver_ice_credentials_issued_total')).toEqual([expect.stringMatching(/ 1$/)]);
    server.close();
  });

  it('answers on the control socket, and not on the admin port', async () => {
    const {host} = await start();
    const {socket, admin} = host.info();
    const answer = await controlClient(socket!).get('/ice/servers?user=alice');
    expect(readIceAnswer(answer).servers[0]?.username).toMatch(/:alice$/);
    expect((await fetch(`${admin}/ice/servers?user=alice`)).status).toBe(403);
    await expect(controlClient(socket!).get('/ice/servers')).rejects.toMatchObject({code: 'ICE_USER'});
  });

  it('says who has its port, and how to move it', async () => {
    const {base} = await start();
    const second = new IceApiService({port: Number(new URL(base).port), secrets: () => [SECRET], urls: URLS});
    const host = createHost({services: [second], log, profile: 'local', version: '0'});
    await expect(host.start()).rejects.toMatchObject({
      code: 'PORT_IN_USE',
      fix: expect.stringContaining('--ice-port 0'),
    });
  });

  it('never shows secret or token in what it says of itself', async () => {
    const {host, service} = await start({token: TOKEN});
    const said = JSON.stringify([host.info(), await service.health(AbortSignal.timeout(1_000)), service]);
    expect(said).not.toContain(SECRET);
    expect(said).not.toContain(TOKEN);
  });
});

describe('its options', () => {
  it.each<Partial<IceApiOptions>>([
    {lifetimeMs: 24 * 3_600_000 + 1},
    {lifetimeMs: 0},
    {lifetimeMs: Number.NaN},
    {urls: ['http://turn.example']},
    {publicFallback: ['turn:turn.example']},
    {corsOrigins: ['https://app.example/']},
    {corsOrigins: ['app.example']},
    {corsOrigins: ['null']},
    {proxies: ['10.0.0.0/33']},
    {limit: {perSecond: 0, burst: 1}},
    {limit: {perSecond: 1, burst: Number.NaN}},
  ])('are checked: %j', (options) => {
    expect(() => new IceApiService({secrets: () => [SECRET], ...options})).toThrow(
      expect.objectContaining({code: 'ICE_API_SETTING', exit: 2}) as Error,
    );
  });

  it('have a token from a private file or from elsewhere', async () => {
    const path = join(temporaryFolder(), 'ice.token');
    await expect(loadToken({path})).rejects.toMatchObject({code: 'ICE_TOKEN_MISSING'});
    writeFileSync(path, `${TOKEN}\n`, {mode: 0o600});
    expect(await loadToken({path})).toBe(TOKEN);
    expect(await loadToken({given: `${TOKEN}0`, path})).toBe(`${TOKEN}0`);
    writeFileSync(path, 'hunter2\n');
    const error = (await loadToken({path}).catch((reason: unknown) => reason)) as Error;
    expect(error).toMatchObject({code: 'ICE_TOKEN_WEAK'});
    expect(error.message).not.toContain('hunter2');
  });
});
