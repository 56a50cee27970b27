import {readFileSync, writeFileSync} from 'node:fs';

import {pino} from 'pino';
import {afterEach, expect, it} from 'vitest';

import {controlSocket, placesUnder, runFile, type Places} from '../../../src/lib/config/places.ts';
import {runChecks, type CheckResult} from '../../../src/lib/doctor/check.ts';
import {runningCheck} from '../../../src/lib/doctor/running.ts';
import {createHost, type Host} from '../../../src/lib/service/host.ts';
import type {Health} from '../../../src/lib/service/service.ts';
import {fakeService} from '../../support/fake-service.ts';
import {temporaryFolder} from '../../support/temporary-folder.ts';

/** The host keeps a health report for a second. */
const REPORT_AGE_MS = 1_100;

const hosts: Host[] = [];

afterEach(async () => {
  await Promise.all(hosts.splice(0).map((host) => host.stop()));
});

async function up(places: Places, health: () => Promise<Health>): Promise<void> {
  const host = createHost({
    services: [fakeService('relay', {health})],
    log: pino({level: 'silent'}),
    profile: 'local',
    version: '0.0.0',
    socketPath: controlSocket(places, 'local'),
    runFile: runFile(places, 'local'),
  });
  hosts.push(host);
  await host.start();
}

async function look(places: Places): Promise<CheckResult | undefined> {
  const check = runningCheck(places, () => Promise.resolve('local'));
  return (await runChecks([check], new AbortController().signal))[0];
}

it('finds nothing wrong when nothing runs', async () => {
  expect(await look(placesUnder(temporaryFolder()))).toMatchObject({
    status: 'ok',
    detail: expect.stringContaining('nothing runs'),
  });
});

it('asks the running process how it is, and passes on the fault and the fix of the service', async () => {
  const places = placesUnder(temporaryFolder());
  let health: Health = {ok: true, checks: []};
  await up(places, () => Promise.resolve(health));
  expect(await look(places)).toMatchObject({status: 'ok', detail: `process ${process.pid} is ready`});

  health = {ok: false, checks: [{name: 'dial', ok: false, detail: 'port closed', fix: 'open it'}]};
  await new Promise((resolve) => setTimeout(resolve, REPORT_AGE_MS));
  expect(await look(places)).toMatchObject({status: 'fail', detail: 'relay: dial: port closed', fix: 'open it'});
});

it('knows a process that was killed from one that runs', async () => {
  const places = placesUnder(temporaryFolder());
  await up(places, () => Promise.resolve({ok: true, checks: []}));
  const left = readFileSync(runFile(places, 'local'), 'utf8');
  await Promise.all(hosts.splice(0).map((host) => host.stop()));
  writeFileSync(runFile(places, 'local'), left);
  expect(await look(places)).toMatchObject({status: 'warn', fix: expect.stringContaining('quiver up')});
});
