import type {Counter, Gauge, Histogram, Registry} from 'prom-client';

/** From a small model on a fast machine to a large one that has to be loaded, in seconds. */
const FIRST_TOKEN_BUCKETS_S = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20];

export interface ProviderMetrics {
  /** By outcome: stop, length, cancelled, lost or an error code. */
  requests: Counter<'outcome'>;
  tokens: Counter<'direction'>;
  firstToken: Histogram;
  active: Gauge;
  queued: Gauge;
  violations: Counter;
}

export interface ClientMetrics {
  /** By outcome: ok or an error code. */
  requests: Counter<'outcome'>;
  /** Attempts that failed before a token and went to another provider. */
  retries: Counter;
  firstToken: Histogram;
  /** Receipts by verdict: valid or invalid. */
  receipts: Counter<'verdict'>;
  violations: Counter;
}

export async function providerMetrics(
  registry: Registry,
  load: () => {active: number; queued: number},
): Promise<ProviderMetrics> {
  const {Counter, Gauge, Histogram} = await import('prom-client');
  const registers = [registry];
  const once = <T>(name: string, make: () => T): T => (registry.getSingleMetric(name) as T | undefined) ?? make();
  const gauge = (name: string, help: string, value: () => number): Gauge =>
    once(
      name,
      () =>
        new Gauge({
          name,
          help,
          registers,
          collect() {
            this.set(value());
          },
        }),
    );
  return {
    requests: once(
      'quiver_inference_provider_requests_total',
      () =>
        new Counter({
          name: 'quiver_inference_provider_requests_total',
          help: 'Requests that ended at this provider, by outcome',
          labelNames: ['outcome'] as const,
          registers,
        }),
    ),
    tokens: once(
      'quiver_inference_provider_tokens_total',
      () =>
        new Counter({
          name: 'quiver_inference_provider_tokens_total',
          help: 'Tokens read (in) and made (out) by this provider',
          labelNames: ['direction'] as const,
          registers,
        }),
    ),
    firstToken: once(
      'quiver_inference_provider_first_token_seconds',
      () =>
        new Histogram({
          name: 'quiver_inference_provider_first_token_seconds',
          help: 'From the arrival of a request to its first token',
          buckets: FIRST_TOKEN_BUCKETS_S,
          registers,
        }),
    ),
    active: gauge('quiver_inference_provider_active_requests', 'Requests being worked on', () => load().active),
    queued: gauge('quiver_inference_provider_queued_requests', 'Requests waiting for a slot', () => load().queued),
    violations: violations(
      'quiver_inference_provider_violations_total',
      'Streams reset because a client broke the protocol',
      registry,
      Counter,
    ),
  };
}

export async function clientMetrics(registry: Registry): Promise<ClientMetrics> {
  const {Counter, Histogram} = await import('prom-client');
  const registers = [registry];
  const once = <T>(name: string, make: () => T): T => (registry.getSingleMetric(name) as T | undefined) ?? make();
  return {
    requests: once(
      'quiver_inference_client_requests_total',
      () =>
        new Counter({
          name: 'quiver_inference_client_requests_total',
          help: 'Requests of this client, by outcome',
          labelNames: ['outcome'] as const,
          registers,
        }),
    ),
    retries: once(
      'quiver_inference_client_retries_total',
      () =>
        new Counter({
          name: 'quiver_inference_client_retries_total',
          help: 'Attempts that failed before a token and were made again elsewhere',
          registers,
        }),
    ),
    firstToken: once(
      'quiver_inference_client_first_token_seconds',
      () =>
        new Histogram({
          name: 'quiver_inference_client_first_token_seconds',
          help: 'From asking to the first token, search for a provider included',
          buckets: FIRST_TOKEN_BUCKETS_S,
          registers,
        }),
    ),
    receipts: once(
      'quiver_inference_client_receipts_total',
      () =>
        new Counter({
          name: 'quiver_inference_client_receipts_total',
          help: 'Receipts checked by this client, by verdict',
          labelNames: ['verdict'] as const,
          registers,
        }),
    ),
    violations: violations(
      'quiver_inference_client_violations_total',
      'Streams reset because a provider broke the protocol',
      registry,
      Counter,
    ),
  };
}

function violations(name: string, help: string, registry: Registry, make: typeof Counter): Counter {
  return (registry.getSingleMetric(name) as Counter | undefined) ?? new make({name, help, registers: [registry]});
}
