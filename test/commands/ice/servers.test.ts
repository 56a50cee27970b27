import {existsSync, mkdirSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';

import {afterEach, describe, expect, it} from 'vitest';

import {createLogger} from '../../../src/lib/observability/logger.ts';
import {createHost, type Host} from '../../../src/lib/service/host.ts';
import type {IceApiOptions} from '../../../src/lib/turn/ice-api/ice-api-options.ts';
import {IceApiService} from '../../../src/lib/turn/ice-api/ice-api-service.ts';
import {fakeService} from '../../support/fake-service.ts';
import {runQuiver} from '../../support/quiver.ts';
import {temporaryFolder} from '../../support/temporary-folder.ts';
import {Terminal} from '../../support/terminal.ts';

const SECRET = 'correct-horse-battery-staple';
const TOKEN = 'f'.repeat(64);
const URLS = ['stun:turn.example:3478', 'turn:turn.example:3478?transport=udp'];

const hosts: Host[] = [];

afterEach(async () => {
  await Promise.all(hosts.splice(0).map((host) => host.stop()));
});

/** A home in which something runs, as far as other commands can tell. */
async function start(
  options: Partial<IceApiOptions> | undefined,
): Promise<{env: NodeJS.ProcessEnv; url: string; home: string}> {
  const home = temporaryFolder();
  const service =
    options === undefined
      ? fakeService('echo')
      : new IceApiService({port: 0, secrets: () => [SECRET], urls: URLS, ...options});
  const log = await createLogger({level: 'silent'});
  mkdirSync(join(home, 'run'), {mode: 0o700});
  const host = createHost({
    services: [service],
    log,
    profile: 'local',
    version: '0',
    socketPath: join(home, 'run', 'local.sock'),
  });
  hosts.push(host);
  await host.start();
  return {home, env: {...process.env, QUIVER_HOME: home}, url: service.info().addresses[0] ?? ''};
}

describe('quiver ice servers', () => {
  it('prints the list of the process that runs, as JSON off a terminal', async () => {
    const {env} = await start({});
    for (const more of [[], ['--json']]) {
      const {code, stdout, stderr} = await runQuiver(['ice', 'servers', '--user', 'did:peers:alice', ...more], {env});
      expect({code, stderr}).toEqual({code: 0, stderr: ''});
      expect(JSON.parse(stdout)).toEqual({
        ice_servers: [
          {urls: URLS, username: expect.stringMatching(/^\d{10}:did:peers:alice$/), credential: expect.any(String)},
        ],
        ttl: 3_600,
      });
    }
  });

  it.skipIf(!existsSync('/usr/bin/script') && process.env['CI'] !== 'true')(
    'prints a table at a terminal',
    async () => {
      const {env, home} = await start({});
      const terminal = new Terminal(['ice', 'servers'], {env, cwd: home});
      expect(await terminal.end()).toBe(0);
      expect(terminal.shown).toMatch(
        /^URL +USERNAME +CREDENTIAL\r\nstun:turn\.example:3478\r\nturn:turn\.example:3478\?transport=udp +\d{10}:did:quiver:local +\S{28}\r\n/,
      );
      expect(terminal.shown).toContain('The credentials last 1h.');
    },
  );

  it('asks the API at a URL, with a token from a file or the environment', async () => {
    const {url, home} = await start({token: TOKEN});
    const env = {...process.env, QUIVER_HOME: temporaryFolder()};
    const file = join(home, 'ice.token');
    writeFileSync(file, `${TOKEN}\n`, {mode: 0o600});
    for (const [more, extra] of [
      [['--token-file', file], {}],
      [[], {QUIVER_ICE_TOKEN: TOKEN}],
    ] as const) {
      const {code, stdout} = await runQuiver(['ice', 'servers', '--url', url, ...more], {env: {...env, ...extra}});
      expect(code).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({ice_servers: [{urls: URLS}]});
    }
  });

  it('says what to do when nothing runs, or nothing that has a list', async () => {
    const nothing = await runQuiver(['ice', 'servers'], {env: {...process.env, QUIVER_HOME: temporaryFolder()}});
    expect(nothing).toMatchObject({code: 1, stdout: '', stderr: expect.stringContaining('quiver up') as string});
    const {env} = await start(undefined);
    const other = await runQuiver(['ice', 'servers'], {env});
    expect(other).toMatchObject({code: 1, stderr: expect.stringContaining('quiver turn start') as string});
    const nobody = await runQuiver(['ice', 'servers', '--url', 'http://127.0.0.1:1', '--json'], {env});
    expect(nobody.code).toBe(1);
    expect(JSON.parse(nobody.stdout)).toMatchObject({code: 'ICE_API_UNREACHABLE'});
  });

  it('refuses a user that is none before it asks anybody', async () => {
    const {env} = await start({});
    expect(await runQuiver(['ice', 'servers', '--user', 'a b'], {env})).toMatchObject({code: 2});
    expect(await runQuiver(['ice', 'servers', '--user', 'did:peers:'], {env})).toMatchObject({code: 2});
  });
});
