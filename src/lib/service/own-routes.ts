import {QuiverError} from '../core/errors.ts';
import type {Metrics} from '../observability/metrics.ts';
import type {HealthMonitor} from './health.ts';
import type {HostInfo} from './host.ts';
import type {Route, RouteReply} from './service.ts';

export interface OwnRoutesOptions {
  info: () => HostInfo;
  health: HealthMonitor;
  /** Undefined until the process has loaded them. */
  metrics: () => Metrics | undefined;
  stop: () => void;
}

/** What every host answers: is it alive, is it ready, what is it, how is it doing, and stop. */
export function ownRoutes({info, health, metrics, stop}: OwnRoutesOptions): Route[] {
  return [
    admin('/healthz', () => ({json: {status: info().status}})),
    admin('/readyz', async () => {
      const {status} = info();
      // While starting or stopping the answer is no, whatever the services say.
      if (status !== 'ready') return {status: 503, json: {ok: false, status, services: []}};
      const report = await health.report();
      return {status: report.ok ? 200 : 503, json: {...report, status}};
    }),
    admin('/info', () => ({json: info()})),
    admin('/metrics', async () => {
      const loaded = metrics();
      if (loaded === undefined) throw starting();
      return {text: await loaded.text(), contentType: loaded.contentType};
    }),
    {
      method: 'POST',
      path: '/stop',
      access: 'control',
      handle() {
        stop();
        return {status: 202, json: {stopping: true, pid: process.pid}};
      },
    },
  ];
}

function admin(path: string, handle: () => Promise<RouteReply> | RouteReply): Route {
  return {method: 'GET', path, access: 'admin', handle};
}

function starting(): QuiverError {
  return new QuiverError({
    code: 'STARTING',
    message: 'The process is still starting',
    fix: 'Ask again in a second; GET /readyz says when it is ready.',
  });
}
