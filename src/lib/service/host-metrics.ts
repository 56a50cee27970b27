import type {Registry} from 'prom-client';

import {instruments} from '../observability/instruments.ts';
import type {Host} from './host.ts';

/** Adds what a host knows of itself and its services to the process registry; see docs/metrics.md. */
export async function registerHostMetrics(registry: Registry, host: Host): Promise<void> {
  const {gauge} = await instruments(registry);
  gauge(
    'quiver_host_ready',
    '1 when every service has started and passed its self-check and nothing is being stopped.',
    [],
    () => [[{}, host.info().status === 'ready' ? 1 : 0]],
  );
  gauge(
    'quiver_service_status',
    'Always 1; the status that a service says it has is in the labels.',
    ['service', 'kind', 'status'],
    () => host.info().services.map(({name, kind, status}) => [{service: name, kind, status}, 1]),
  );
}
