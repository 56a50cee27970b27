import {durationToText} from '../core/units.ts';
import type {HealthReport} from '../service/health.ts';
import type {ServiceInfo} from '../service/service.ts';
import type {HostReport} from '../service/status.ts';
import {plain, table} from './output.ts';

const HEADER = ['SERVICE', 'KIND', 'STATUS', 'PEERS', 'ADDRESS'];

/** A running process as a person reads it: a headline, a table of its services, and what is wrong with them. */
export function statusText(report: HostReport): string {
  const uptime = durationToText(Math.floor(report.uptimeMs / 1000) * 1000);
  const state = report.status === 'ready' && !report.health.ok ? 'degraded' : report.status;
  const lines = [
    `${report.profile}: ${state}, up ${uptime}, pid ${report.pid}, version ${report.version}`,
    ...(report.admin === undefined ? [] : [`admin:   ${report.admin}`]),
    ...(report.socket === undefined ? [] : [`control: ${report.socket}`]),
    '',
    table(HEADER, report.services.flatMap(serviceRows)),
    ...problems(report.health),
  ];
  return lines.join('\n');
}

/** The first row has everything, further addresses a row each. */
function serviceRows({name, kind, status, addresses, metadata}: ServiceInfo): string[][] {
  const peers = metadata['peers'];
  const [first = '-', ...others] = addresses;
  return [
    [name, kind, status, typeof peers === 'number' ? String(peers) : '-', first],
    ...others.map((address) => ['', '', '', '', address]),
  ];
}

function problems(health: HealthReport): string[] {
  const failing = health.services.flatMap(({name, checks}) => checks.map((check) => ({service: name, ...check})));
  return failing
    .filter(({ok}) => !ok)
    .flatMap(({service, name, detail = 'failed', fix}) => [
      plain(`${service}: ${name}: ${detail}`),
      ...(fix === undefined ? [] : [plain(`Try: ${fix}`)]),
    ]);
}
