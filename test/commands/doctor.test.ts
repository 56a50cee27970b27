import {chmodSync, mkdirSync} from 'node:fs';
import path from 'node:path';

import {expect, it} from 'vitest';

import {runQuiver, temporaryHome} from '../support/quiver.ts';

interface Report {
  ok: boolean;
  checks: {name: string; status: string; detail: string; fix?: string}[];
}

it('finds nothing to repair on a fresh machine, and loads the engine', async () => {
  await using home = await temporaryHome();
  const {code, stdout} = await runQuiver(['doctor', '--json'], {env: home.env, cwd: home.home});
  const report = JSON.parse(stdout) as Report;
  expect(report.checks.filter(({status}) => status === 'fail')).toEqual([]);
  expect(report.checks.find(({name}) => name === 'embedded engine')?.detail).toMatch(/^loads /);
  expect({code, ok: report.ok}).toEqual({code: 0, ok: true});
});

it('names every fault with its fix, and ends with 1', async () => {
  await using home = await temporaryHome();
  mkdirSync(path.join(home.home, 'data'));
  chmodSync(path.join(home.home, 'data'), 0o777);
  const env = {...home.env, QUIVER_RELAY_PORT: 'high', QUIVER_RELAI_PORT: '1'};
  const {code, stdout} = await runQuiver(['doctor'], {env, cwd: home.home});
  expect(code).toBe(1);
  expect(stdout).toMatch(
    /^fail +settings +QUIVER_RELAY_PORT: "high" is not allowed for relay\.port\n +→ Give relay\.port/m,
  );
  expect(stdout).toMatch(/^fail +folders +others may write to .*\n +→ chmod go-w/m);
  expect(stdout).toMatch(/^warn +environment +QUIVER_RELAI_PORT .*\n +→ Did you mean QUIVER_RELAY_PORT\?/m);
  expect(stdout).toMatch(/^ok +node /m);
});
