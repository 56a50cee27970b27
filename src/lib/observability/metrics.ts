import type {Registry} from 'prom-client';

/** prom-client samples the event loop this often; its default of 10 ms alone wakes an idle process 100 times a second. */
const LAG_PRECISION_MS = 50;

/** All metrics of one process: its own, and one registry for each service, told apart by the label `service`. */
export interface Metrics {
  /** The process and its host. */
  readonly own: Registry;
  /** Services may use the same metric names; every series gets the label `service="<name>"`. */
  forService(name: string): Registry;
  /** Everything in the Prometheus text format 0.0.4. */
  text(): Promise<string>;
  readonly contentType: string;
}

/** Its own registries, never the global one, with the process metrics and `quiver_build_info`. */
export async function createMetrics(version: string): Promise<Metrics> {
  const {Gauge, Registry, collectDefaultMetrics} = await import('prom-client');
  const own = new Registry();
  const services = new Map<string, Registry>();
  collectDefaultMetrics({register: own, eventLoopMonitoringPrecision: LAG_PRECISION_MS});
  new Gauge({
    name: 'quiver_build_info',
    help: 'Always 1; the version that runs is in the labels.',
    labelNames: ['version', 'node'],
    registers: [own],
  }).set({version, node: process.versions.node}, 1);

  return {
    own,
    contentType: own.contentType,
    forService(name) {
      const known = services.get(name);
      if (known !== undefined) return known;
      const registry = new Registry();
      registry.setDefaultLabels({service: name});
      services.set(name, registry);
      return registry;
    },
    async text() {
      const texts = await Promise.all([own, ...services.values()].map((registry) => registry.metrics()));
      return mergeExpositions(texts);
    },
  };
}

/** Joins texts in the Prometheus format so that each metric has one HELP, one TYPE and all its series together. */
export function mergeExpositions(texts: readonly string[]): string {
  const blocks = new Map<string, string[]>();
  for (const block of texts.flatMap((text) => text.split('\n\n'))) {
    const [help = '', type = '', ...series] = block.trimEnd().split('\n');
    const name = help.split(' ')[2];
    if (name === undefined) continue;
    const known = blocks.get(name);
    if (known === undefined) blocks.set(name, [help, type, ...series]);
    else known.push(...series);
  }
  return [...blocks.values()].map((lines) => `${lines.join('\n')}\n`).join('\n');
}
