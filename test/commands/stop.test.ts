import {describe, expect, it} from 'vitest';

import {EXIT} from '../../src/lib/core/errors.ts';
import {runQuiver} from '../support/quiver.ts';
import {spawnHost} from '../support/spawn-host.ts';
import {temporaryFolder} from '../support/temporary-folder.ts';

function quiver(home: string, ...args: string[]) {
  return runQuiver(args, {env: {...process.env, QUIVER_HOME: home}});
}

describe('quiver stop', () => {
  it('returns once the process is gone', async () => {
    const home = temporaryFolder();
    const host = spawnHost(home);
    await host.says('ready');
    const {code, stdout} = await quiver(home, 'stop', '--json');
    expect(code).toBe(EXIT.done);
    expect(JSON.parse(stdout)).toEqual({stopped: true, profile: 'local', pid: host.process.pid});
    expect(host.process.exitCode).toBe(0);
  });

  it('does nothing, without an error, when nothing runs', async () => {
    const {code, stdout} = await quiver(temporaryFolder(), 'stop', '--json');
    expect(code).toBe(EXIT.done);
    expect(JSON.parse(stdout)).toEqual({stopped: false, profile: 'local'});
  });

  it('fails when the process does not end in time, and names its pid', async () => {
    const home = temporaryFolder();
    const host = spawnHost(home, 'hung-drain');
    await host.says('ready');
    const {code, stderr} = await quiver(home, 'stop', '--timeout', '200ms');
    expect(code).toBe(EXIT.failed);
    expect(stderr).toContain(`kill -9 ${host.process.pid}`);
  });

  it('takes a wrong duration for wrong usage', async () => {
    const {code} = await quiver(temporaryFolder(), 'stop', '--timeout', 'soon');
    expect(code).toBe(EXIT.usage);
  });
});
