import {controlClient} from './control-client.ts';
import type {HealthReport} from './health.ts';
import type {HostInfo} from './host.ts';

export interface HostReport extends HostInfo {
  uptimeMs: number;
  /** What the services' own checks say now; of none while they start or stop. */
  health: HealthReport;
}

/** Asks the running process of a profile how it is. Errors: NOT_RUNNING and those of the control client. */
export async function readStatus(socketPath: string, signal?: AbortSignal): Promise<HostReport> {
  const client = controlClient(socketPath);
  const [info, health] = (await Promise.all([client.get('/info', signal), client.get('/readyz', signal)])) as [
    HostInfo,
    HealthReport,
  ];
  return {...info, uptimeMs: Math.max(0, Date.now() - Date.parse(info.startedAt)), health};
}
