import {existsSync, readFileSync, statSync, writeFileSync} from 'node:fs';
import {createServer} from 'node:net';
import {join} from 'node:path';

import {afterEach, describe, expect, it, vi} from 'vitest';

import {QuiverError} from '../../../src/lib/core/errors.ts';
import {createLogger} from '../../../src/lib/observability/logger.ts';
import {controlClient} from '../../../src/lib/service/control-client.ts';
import {createHost, type Host, type HostOptions} from '../../../src/lib/service/host.ts';
import {readRunFile} from '../../../src/lib/service/run-file.ts';
import type {Service} from '../../../src/lib/service/service.ts';
import {fakeService, hang} from '../../support/fake-service.ts';
import {temporaryFolder} from '../../support/temporary-folder.ts';

const log = await createLogger({level: 'silent'});
const hosts: Host[] = [];

afterEach(async () => {
  for (const host of hosts.splice(0)) await host.stop().catch(() => undefined);
});

function hostOf(services: readonly Service[], options: Partial<HostOptions> = {}): Host {
  const host = createHost({services, log, profile: 'local', version: '9.9.9', ...options});
  hosts.push(host);
  return host;
}

describe('start', () => {
  it('starts each service after those it waits for, and independent ones together', async () => {
    const journal: string[] = [];
    const gate = Promise.withResolvers<void>();
    const slow = fakeService('slow', {start: () => gate.promise}, journal);
    const quick = fakeService('quick', {start: async () => gate.resolve()}, journal);
    const last = fakeService('last', {after: ['slow', 'quick']}, journal);
    await hostOf([last, slow, quick]).start();
    expect(journal.slice(0, 2)).toEqual(['start slow', 'start quick']);
    expect(journal.slice(-2)).toEqual(['start last', 'started last']);
  });

  it('stops what it started when one fails, and names that one with its fix', async () => {
    const journal: string[] = [];
    const failure = new QuiverError({code: 'PORT_IN_USE', message: 'port 4001 is taken', fix: '--port 4002'});
    const bad = fakeService('relay', {kind: 'network.relay', after: ['node'], start: () => Promise.reject(failure)});
    const host = hostOf([fakeService('node', {}, journal), bad, fakeService('later', {after: ['relay']}, journal)]);
    await expect(host.start()).rejects.toMatchObject({
      code: 'PORT_IN_USE',
      message: 'Service "relay" (network.relay) could not start: port 4001 is taken',
      fix: '--port 4002',
    });
    expect(journal).toEqual(['start node', 'started node', 'stop node']);
  });

  it('gives up on a service that hangs, and stops it too', async () => {
    const journal: string[] = [];
    const host = hostOf([fakeService('stuck', {start: hang}, journal)], {startDeadlineMs: 50});
    await expect(host.start()).rejects.toMatchObject({
      code: 'START_TIMEOUT',
      message: expect.stringContaining('stuck'),
    });
    expect(journal).toEqual(['start stuck', 'stop stuck']);
  });

  it('waits for self-checks and retries them', async () => {
    let asked = 0;
    const health = async () => ({ok: (asked += 1) === 3, checks: []});
    await hostOf([fakeService('slow', {health})]).start();
    expect(asked).toBe(3);
  });

  it('is not ready while a self-check fails, and says which when it gives up', async () => {
    vi.useFakeTimers({toFake: ['setTimeout', 'clearTimeout']});
    try {
      const checks = [{name: 'dial', ok: false, detail: 'refused', fix: 'open UDP 4001'}];
      const host = hostOf([fakeService('node', {health: async () => ({ok: false, checks})})]);
      const start = host.start();
      start.catch(() => undefined);
      for (let second = 0; second < 40; second += 1) await vi.advanceTimersByTimeAsync(1_000);
      await expect(start).rejects.toMatchObject({code: 'UNHEALTHY', message: expect.stringContaining('dial, refused')});
      await expect(start).rejects.toMatchObject({fix: 'open UDP 4001'});
    } finally {
      vi.useRealTimers();
    }
  });

  it('can be stopped while it starts', async () => {
    const journal: string[] = [];
    const host = hostOf([fakeService('stuck', {start: hang}, journal)]);
    const start = host.start();
    start.catch(() => undefined);
    await vi.waitFor(() => expect(journal).toContain('start stuck'));
    const stop = host.stop();
    await expect(start).rejects.toMatchObject({code: 'START_ABORTED'});
    await stop;
    expect(journal).toEqual(['start stuck', 'stop stuck']);
  });

  it('finds the service that one waits for before others of its kind', async () => {
    let found: Service | undefined;
    const start: Service['start'] = async ({find}) => {
      found = find('network.node');
    };
    const first = fakeService('first', {kind: 'network.node'});
    const second = fakeService('second', {kind: 'network.node'});
    await hostOf([first, second, fakeService('provider', {after: ['second'], start})]).start();
    expect(found).toBe(second);
  });
});

describe('stop', () => {
  it('drains all at once, then stops in reverse order, once', async () => {
    const journal: string[] = [];
    const gate = Promise.withResolvers<void>();
    const a = fakeService('a', {drain: () => gate.promise}, journal);
    const b = fakeService('b', {after: ['a'], drain: async () => gate.resolve()}, journal);
    const host = hostOf([a, b]);
    await host.start();
    journal.length = 0;
    await Promise.all([host.stop(), host.stop(), host.stopped]);
    expect(journal).toEqual(['drain a', 'drain b', 'stop b', 'stop a']);
    expect(host.info().status).toBe('stopped');
  });

  it('tells services by their signal, once drained', async () => {
    const journal: string[] = [];
    const start: Service['start'] = async ({signal}) => {
      signal.addEventListener('abort', () => journal.push('abort'));
    };
    const host = hostOf([fakeService('a', {start}, journal)]);
    await host.start();
    await host.stop();
    expect(journal).toEqual(['start a', 'started a', 'drain a', 'abort', 'stop a']);
  });

  it('does not wait longer than the grace time for work under way', async () => {
    const host = hostOf([fakeService('busy', {drain: hang})], {graceMs: 50});
    await host.start();
    const before = performance.now();
    await host.stop();
    expect(performance.now() - before).toBeLessThan(1_000);
  });

  it('stops the others when one hangs, and says which did', async () => {
    const journal: string[] = [];
    const stuck = fakeService('stuck', {after: ['fine'], stop: hang}, journal);
    const host = hostOf([fakeService('fine', {}, journal), stuck], {stopDeadlineMs: 50});
    await host.start();
    await expect(host.stop()).rejects.toMatchObject({code: 'STOP_TIMEOUT', message: expect.stringContaining('stuck')});
    expect(journal.at(-1)).toBe('stop fine');
    await expect(host.stopped).rejects.toMatchObject({code: 'STOP_TIMEOUT'});
  });
});

describe('admin server', () => {
  const admin = {host: '127.0.0.1', port: 0};

  it('says what runs and carries the version in a header', async () => {
    const {admin: url} = await hostOf([fakeService('node', {addresses: ['/ip4/127.0.0.1/tcp/1']})], {admin}).start();
    const response = await fetch(`${url}/info`);
    expect(response.headers.get('x-quiver')).toBe('9.9.9');
    expect(await response.json()).toMatchObject({
      profile: 'local',
      pid: process.pid,
      status: 'ready',
      services: [{name: 'node', addresses: ['/ip4/127.0.0.1/tcp/1']}],
    });
  });

  it('is alive but not ready while it starts and while it drains', async () => {
    const starting = Promise.withResolvers<void>();
    const draining = Promise.withResolvers<void>();
    const service = fakeService('node', {start: () => starting.promise, drain: () => draining.promise});
    const host = hostOf([service], {admin});
    const start = host.start();
    await vi.waitFor(() => expect(host.info().admin).toBeDefined());
    const url = host.info().admin;
    const status = async (path: string) => (await fetch(`${url}${path}`)).status;
    expect([await status('/healthz'), await status('/readyz')]).toEqual([200, 503]);
    starting.resolve();
    await start;
    expect([await status('/healthz'), await status('/readyz')]).toEqual([200, 200]);
    const stop = host.stop();
    expect([await status('/healthz'), await status('/readyz')]).toEqual([200, 503]);
    draining.resolve();
    await stop;
    await expect(fetch(`${url}/healthz`)).rejects.toThrow();
  });

  it('stops being ready when a service says it is not well', async () => {
    let ok = true;
    const service = fakeService('node', {health: async () => ({ok, checks: [{name: 'dial', ok}]})});
    const {admin: url} = await hostOf([service], {admin}).start();
    ok = false;
    await vi.waitFor(async () => expect((await fetch(`${url}/readyz`)).status).toBe(503), 5_000);
    ok = true;
    await vi.waitFor(async () => expect((await fetch(`${url}/readyz`)).status).toBe(200), 5_000);
  });

  it('says who has the port and which flag moves it', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await vi.waitFor(() => expect(other.listening).toBe(true));
    const {port} = other.address() as {port: number};
    const journal: string[] = [];
    const host = hostOf([fakeService('node', {}, journal)], {admin: {host: '127.0.0.1', port}});
    const error: unknown = await host.start().catch((reason: unknown) => reason);
    other.close();
    expect(error).toMatchObject({code: 'PORT_IN_USE', fix: expect.stringContaining('--admin-port')});
    if (process.platform === 'linux') expect(error).toMatchObject({message: expect.stringContaining(`${process.pid}`)});
    expect(journal).toEqual([]);
  });

  it('gives a path that two services offer to the first in order, and both by name', async () => {
    const route = (json: string) => ({method: 'GET', path: '/peers', access: 'admin', handle: () => ({json})}) as const;
    const gate = Promise.withResolvers<void>();
    const services = [
      fakeService('a', {routes: [route('a')], start: () => gate.promise}),
      fakeService('b', {routes: [route('b')], start: async () => gate.resolve()}),
      fakeService('c', {routes: [{...route('c'), path: '/info'}]}),
    ];
    const {admin: url} = await hostOf(services, {admin}).start();
    const get = async (path: string) => (await fetch(`${url}${path}`)).json();
    expect([await get('/peers'), await get('/services/b/peers'), await get('/services/c/info')]).toEqual([
      'a',
      'b',
      'c',
    ]);
    expect(await get('/info')).toMatchObject({profile: 'local'});
  });
});

describe('control socket and run file', () => {
  function paths() {
    const folder = join(temporaryFolder(), 'run');
    return {folder, socketPath: join(folder, 'local.sock'), runFile: join(folder, 'local.json')};
  }

  it('is private to the user, and gone after a stop', async () => {
    const {folder, ...options} = paths();
    const host = hostOf([fakeService('node')], options);
    await host.start();
    const mode = (path: string) => statSync(path).mode & 0o777;
    expect([mode(folder), mode(options.socketPath), mode(options.runFile)]).toEqual([0o700, 0o600, 0o600]);
    expect(await readRunFile(options.runFile)).toMatchObject({pid: process.pid, live: true, version: '9.9.9'});
    await host.stop();
    expect([existsSync(options.socketPath), existsSync(options.runFile)]).toEqual([false, false]);
    expect(await readRunFile(options.runFile)).toBeUndefined();
  });

  it('stops through its socket, and answers before it does', async () => {
    const {socketPath} = paths();
    const host = hostOf([fakeService('node')], {socketPath});
    await host.start();
    expect(await controlClient(socketPath).post('/stop', {})).toEqual({stopping: true, pid: process.pid});
    await host.stopped;
    await expect(controlClient(socketPath).get('/info')).rejects.toMatchObject({code: 'NOT_RUNNING', fix: 'quiver up'});
  });

  it('refuses to start beside a running one, and leaves that one alone', async () => {
    const {socketPath, runFile} = paths();
    await hostOf([fakeService('node')], {socketPath, runFile}).start();
    const journal: string[] = [];
    const second = hostOf([fakeService('node', {}, journal)], {socketPath, runFile});
    await expect(second.start()).rejects.toMatchObject({
      code: 'ALREADY_RUNNING',
      message: expect.stringContaining(`(pid ${process.pid})`),
      fix: expect.stringContaining('quiver stop'),
    });
    expect(journal).toEqual([]);
    expect(await controlClient(socketPath).get('/healthz')).toEqual({status: 'ready'});
    expect(await readRunFile(runFile)).toMatchObject({live: true});
  });

  it('lets one of two win that start at the same moment', async () => {
    const {socketPath} = paths();
    const results = await Promise.allSettled([1, 2, 3].map(() => hostOf([], {socketPath}).start()));
    expect(results.map(({status}) => status).toSorted()).toEqual(['fulfilled', 'rejected', 'rejected']);
  });

  it('never removes a file that is not a socket', async () => {
    const folder = temporaryFolder();
    const socketPath = join(folder, 'local.sock');
    writeFileSync(socketPath, 'mine');
    await expect(hostOf([], {socketPath}).start()).rejects.toMatchObject({code: 'SOCKET_PATH_TAKEN'});
    expect(readFileSync(socketPath, 'utf8')).toBe('mine');
  });

  it('names the limit of socket paths', async () => {
    const socketPath = join(temporaryFolder(), 'x'.repeat(110), 'local.sock');
    await expect(hostOf([], {socketPath}).start()).rejects.toMatchObject({code: 'SOCKET_PATH_LONG'});
  });
});
