import {mkdirSync, utimesSync, writeFileSync} from 'node:fs';
import {dirname, join} from 'node:path';

import {pino} from 'pino';
import {expect, it} from 'vitest';

import {createHost} from '../../../src/lib/service/host.ts';
import {fakeService} from '../../support/fake-service.ts';
import {temporaryFolder} from '../../support/temporary-folder.ts';

const HOUR_S = 3_600;

it.each([
  ['an old one', -HOUR_S],
  ['one from before the clock was set back', HOUR_S],
])('a lock that a killed process left does not keep others from starting: %s', async (_, ageS) => {
  const socketPath = join(temporaryFolder(), 'run', 'local.sock');
  mkdirSync(dirname(socketPath), {mode: 0o700});
  // Whatever it is: something else than a folder would be in the way just the same.
  writeFileSync(`${socketPath}.lock`, '');
  const timeS = Date.now() / 1_000 + ageS;
  utimesSync(`${socketPath}.lock`, timeS, timeS);
  const host = createHost({
    services: [fakeService('relay', {})],
    log: pino({level: 'silent'}),
    profile: 'local',
    version: '0.0.0',
    socketPath,
  });
  try {
    expect((await host.start(AbortSignal.timeout(10_000))).status).toBe('ready');
  } finally {
    await host.stop();
  }
});
