import {describe, expect, it} from 'vitest';

import {EXIT} from '../../src/lib/core/errors.ts';
import {runQuiver} from '../support/quiver.ts';
import {spawnHost} from '../support/spawn-host.ts';
import {temporaryFolder} from '../support/temporary-folder.ts';

function quiver(home: string, ...args: string[]) {
  return runQuiver(args, {env: {...process.env, QUIVER_HOME: home}});
}

describe('quiver status', () => {
  it('fails when nothing runs, and says how to start it', async () => {
    const {code, stderr} = await quiver(temporaryFolder(), 'status');
    expect(code).toBe(EXIT.failed);
    expect(stderr).toContain('Try: quiver up');
  });

  it('shows the services with all their addresses, the admin URL and the uptime', async () => {
    const home = temporaryFolder();
    const host = spawnHost(home, '--json');
    await host.says('ready');
    const {code, stdout} = await quiver(home, 'status');
    const {admin} = JSON.parse(host.stdout()) as {admin: string};
    expect(code).toBe(EXIT.done);
    expect(stdout).toMatch(/^local: ready, up \d+s, pid \d+, version /);
    expect(stdout).toContain(`admin:   ${admin}\n`);
    expect(stdout).toMatch(/^echo {5}test\.echo {2}ready {3}- {6}\/ip4\/127\.0\.0\.1\/tcp\/4001$/m);
    expect(stdout).toContain('/ip4/127.0.0.1/udp/4001/quic-v1');
  });

  it('prints one object under --json', async () => {
    const home = temporaryFolder();
    const host = spawnHost(home);
    await host.says('ready');
    const {stdout} = await quiver(home, 'status', '--json');
    expect(JSON.parse(stdout)).toMatchObject({
      profile: 'local',
      status: 'ready',
      pid: host.process.pid,
      uptimeMs: expect.any(Number),
      services: [{name: 'echo', status: 'ready'}],
      health: {ok: true},
    });
  });

  it('fails for a process that is up but not well, and says what is wrong', async () => {
    const home = temporaryFolder();
    const host = spawnHost(home, 'sick');
    await host.says('ready');
    const {code, stdout} = await quiver(home, 'status');
    expect(code).toBe(EXIT.failed);
    expect(stdout).toMatch(/^local: degraded/);
    expect(stdout).toContain('echo: dial: refused\nTry: open UDP 4001');
  });
});
