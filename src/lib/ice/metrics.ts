import {Counter, Histogram, type Registry} from 'prom-client';

export interface IceMetrics {
  connected(type: 'host' | 'srflx' | 'relay' | 'none', latencyMs: number): void;
  failed(): void;
}

const registries = new WeakMap<Registry, IceMetrics>();
const LATENCY_BUCKETS_S = [0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 30];

/** What the ICE client counts, in the registry of the service that uses it. */
export function iceMetrics(registry: Registry): IceMetrics {
  // Several clients of one service share them.
  const known = registries.get(registry);
  if (known !== undefined) return known;
  const attempts = new Counter({
    name: 'quiver_ice_connection_attempts_total',
    help: 'Attempts to connect with a peer, by the kind of path that was found and the result.',
    labelNames: ['type', 'result'],
    registers: [registry],
  });
  const latency = new Histogram({
    name: 'quiver_ice_connection_latency_seconds',
    help: 'From the first word to a path that carries data, by its kind.',
    labelNames: ['type'],
    buckets: LATENCY_BUCKETS_S,
    registers: [registry],
  });
  const metrics: IceMetrics = {
    connected(type, latencyMs) {
      attempts.inc({type, result: 'connected'});
      latency.observe({type}, latencyMs / 1_000);
    },
    failed() {
      attempts.inc({type: 'none', result: 'failed'});
    },
  };
  registries.set(registry, metrics);
  return metrics;
}
