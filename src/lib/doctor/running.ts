import {controlSocket, runFile, type Places} from '../config/places.ts';
import {controlClient} from '../service/control-client.ts';
import type {HealthReport} from '../service/health.ts';
import type {HostStatus} from '../service/host.ts';
import {readRunFile} from '../service/run-file.ts';
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
      const control = controlClient(controlSocket(places, profile));
      const report = (await control.get('/readyz', signal)) as HealthReport & {status: HostStatus};
      return failedService(report) ?? ok(`process ${run.pid} is ${report.status}`);
    },
  };
}

function failedService({services}: HealthReport): Finding | undefined {
  for (const {name, checks} of services) {
    const check = checks.find((item) => !item.ok);
    if (check === undefined) continue;
    const what = [name, check.name, check.detail].filter((part) => part !== undefined);
    return fail(what.join(': '), check.fix ?? 'Restart it: quiver stop && quiver up');
  }
  return undefined;
}
