import type {Registry} from 'prom-client';

import type {Host} from './host.ts';

/** Adds what a host knows of itself and its services to the process registry; see docs/metrics.md. */
export async function registerHostMetrics(registry: Registry, host: Host): Promise<void> {
  const {Gauge} = await import('prom-client');
  const ready = new Gauge({
    name: 'quiver_host_ready',
    help: '1 when every service has started and passed its self-check and nothing is being stopped.',
    registers: [],
    collect() {
      this.set(host.info().status === 'ready' ? 1 : 0);
    },
  });
  const services = new Gauge({
    name: 'quiver_service_status',
    help: 'Always 1; the status that a service says it has is in the labels.',
    labelNames: ['service', 'kind', 'status'],
    registers: [],
    collect() {
      this.reset();
      for (const {name, kind, status} of host.info().services) this.set({service: name, kind, status}, 1);
    },
  });
  registry.registerMetric(ready);
  registry.registerMetric(services);
}
