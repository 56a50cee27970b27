import type {Registry} from 'prom-client';

import type {IceHandler} from './ice-handler.ts';

/** Registers the metrics of the ICE servers API, read at the moment of each scrape. */
export async function registerIceMetrics(
  registry: Registry,
  {handler, issued}: {handler: IceHandler; issued: () => number},
): Promise<void> {
  const {Counter} = await import('prom-client');
  const credentials = new Counter({
    name: 'quiver_ice_credentials_issued_total',
    help: 'Time-limited TURN credentials issued.',
    registers: [],
    collect() {
      this.reset();
      this.inc(issued());
    },
  });
  const requests = new Counter({
    name: 'quiver_ice_requests_total',
    help: 'Requests to the ICE servers API, by how they ended.',
    labelNames: ['result'],
    registers: [],
    collect() {
      this.reset();
      for (const [result, count] of handler.results) this.inc({result}, count);
    },
  });
  registry.registerMetric(credentials);
  registry.registerMetric(requests);
}
