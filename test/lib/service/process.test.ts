import {existsSync} from 'node:fs';
import {setTimeout as sleep} from 'node:timers/promises';

import {describe, expect, it} from 'vitest';

import {controlClient} from '../../../src/lib/service/control-client.ts';
import {readRunFile} from '../../../src/lib/service/run-file.ts';
import {spawnHost} from '../../support/spawn-host.ts';
import {temporaryFolder} from '../../support/temporary-folder.ts';

const STOPPING = 'Stopping; press Ctrl-C again to quit now.';

describe('a process that serves', () => {
  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('says ready, and ends cleanly by itself on %s', async (signal) => {
    const host = spawnHost(temporaryFolder());
    await host.says('ready: test.echo /ip4/127.0.0.1/tcp/4001\n');
    host.process.kill(signal);
    expect(await host.ended).toBe(0);
    expect(host.stdout()).toBe('ready: test.echo /ip4/127.0.0.1/tcp/4001\n');
    expect(host.stderr()).toBe(`${STOPPING}\n`);
    expect([existsSync(host.socketPath), existsSync(host.runFile)]).toEqual([false, false]);
  });

  it('takes signals within 200 ms for one, and quits at once on a later one', async () => {
    const host = spawnHost(temporaryFolder(), 'hung-drain');
    await host.says('ready:');
    host.process.kill('SIGINT');
    await host.says(STOPPING);
    host.process.kill('SIGINT');
    await sleep(300);
    expect(host.process.exitCode).toBeNull();
    const before = performance.now();
    host.process.kill('SIGINT');
    expect(await host.ended).toBe(130);
    expect(performance.now() - before).toBeLessThan(2_000);
  });

  it('goes on when nobody reads its log and its notes any more', async () => {
    const host = spawnHost(temporaryFolder(), 'talkative');
    await host.says('again');
    host.process.stderr!.destroy();
    await sleep(300);
    expect(await controlClient(host.socketPath).get('/healthz')).toEqual({status: 'ready'});
    host.process.kill('SIGTERM');
    expect(await host.ended).toBe(0);
  });

  it('prints the ready event as one line of JSON, and no talk', async () => {
    const host = spawnHost(temporaryFolder(), '--json');
    await host.says('\n');
    expect(JSON.parse(host.stdout())).toEqual({
      event: 'ready',
      services: [
        {
          name: 'echo',
          kind: 'test.echo',
          status: 'ready',
          addresses: ['/ip4/127.0.0.1/tcp/4001', '/ip4/127.0.0.1/udp/4001/quic-v1'],
          publicAddresses: [],
          metadata: {},
        },
      ],
      admin: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
      socket: host.socketPath,
      pid: host.process.pid,
    });
    await controlClient(host.socketPath).post('/stop', {});
    expect(await host.ended).toBe(0);
    expect(host.stderr()).toBe('');
  });

  it('is replaced without ado after kill -9', async () => {
    const home = temporaryFolder();
    const first = spawnHost(home);
    await first.says('ready:');
    expect(await readRunFile(first.runFile)).toMatchObject({live: true, pid: first.process.pid});
    first.process.kill('SIGKILL');
    await first.ended;
    expect([existsSync(first.socketPath), existsSync(first.runFile)]).toEqual([true, true]);
    expect(await readRunFile(first.runFile)).toMatchObject({live: false});
    await expect(controlClient(first.socketPath).get('/info')).rejects.toMatchObject({code: 'NOT_RUNNING'});

    const second = spawnHost(home);
    await second.says('ready:');
    expect(await readRunFile(second.runFile)).toMatchObject({live: true, pid: second.process.pid});
    const third = spawnHost(home, '--json');
    expect(await third.ended).toBe(1);
    expect(JSON.parse(third.stdout())).toMatchObject({
      code: 'ALREADY_RUNNING',
      message: expect.stringContaining(`(pid ${second.process.pid})`),
    });
    second.process.kill('SIGINT');
    expect(await second.ended).toBe(0);
  });

  it('can be stopped while a service hangs in its start', async () => {
    const host = spawnHost(temporaryFolder(), 'hung-start');
    await host.says('Starting echo …');
    host.process.kill('SIGINT');
    expect(await host.ended).toBe(0);
    expect(host.stdout()).toBe('');
  });

  it('survives a rejection that nobody handles, and logs it', async () => {
    const host = spawnHost(temporaryFolder(), 'stray');
    await host.says('stray rejection');
    expect(await controlClient(host.socketPath).get('/healthz')).toEqual({status: 'ready'});
    host.process.kill('SIGINT');
    expect(await host.ended).toBe(0);
  });

  it('says which service did not start, and leaves nothing behind', async () => {
    const host = spawnHost(temporaryFolder(), 'bad');
    expect(await host.ended).toBe(1);
    expect(host.stderr()).toContain('Service "echo" (test.echo) could not start: no such device');
    expect(existsSync(host.socketPath)).toBe(false);
  });

  it('fails when a service does not stop', async () => {
    const host = spawnHost(temporaryFolder(), 'hung-stop');
    await host.says('ready:');
    host.process.kill('SIGINT');
    expect(await host.ended).toBe(1);
    expect(host.stderr()).toContain('did not stop within 0.3 s');
  });
});
