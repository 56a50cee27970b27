import {get} from 'node:http';
import {json} from 'node:stream/consumers';

import {controlSocket, runFile, type Places} from '../config/places.ts';
import {readRunFile} from '../service/run-file.ts';
import type {HealthCheck} from '../service/service.ts';
import {fail, ok, warn, type Check, type Finding} from './check.ts';

/** Asks the process that runs in this profile, if one does, how it is. */
export function runningCheck(places: Places, profileName: () => Promise<string>): Check {
  return {
    name: 'running network',
    async run(signal) {
      const profile = await profileName();
      const run = await readRunFile(runFile(places, profile));
      if (run === undefined) return ok(`nothing runs in profile ${profile} (quiver up starts it)`);
      if (!run.live) return warn(`process ${run.pid} ended without tidying up`, 'Start it again: quiver up');
      const report = await readiness(run.socket ?? controlSocket(places, profile), signal);
      return failedService(report) ?? ok(`process ${run.pid} is ${textOf(report, 'status')}`);
    },
  };
}

/** `GET /readyz`, whose body says more than the control client keeps of a 503. */
function readiness(socketPath: string, signal: AbortSignal): Promise<unknown> {
  const {promise, resolve, reject} = Promise.withResolvers<unknown>();
  const request = get({socketPath, path: '/readyz', headers: {host: 'localhost'}, agent: false, signal}, (response) => {
    json(response).then(resolve, reject);
  });
  request.on('error', reject);
  return promise;
}

function failedService(report: unknown): Finding | undefined {
  for (const service of listOf(report, 'services')) {
    const check = listOf(service, 'checks').find((item) => isFailed(item));
    if (check === undefined) continue;
    const what = [textOf(service, 'name'), textOf(check, 'name'), textOf(check, 'detail')].filter(
      (part) => part !== '',
    );
    return fail(what.join(': '), textOf(check, 'fix') || 'Restart it: quiver stop && quiver up');
  }
  return undefined;
}

function isFailed(check: unknown): check is HealthCheck {
  return typeof check === 'object' && check !== null && 'ok' in check && check.ok === false;
}

function listOf(value: unknown, name: string): unknown[] {
  const item = field(value, name);
  return Array.isArray(item) ? item : [];
}

function textOf(value: unknown, name: string): string {
  const item = field(value, name);
  return typeof item === 'string' ? item : '';
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? new Map(Object.entries(value)).get(name) : undefined;
}
