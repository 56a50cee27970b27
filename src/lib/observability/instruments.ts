import type {Registry} from 'prom-client';

/** Values by label; a metric without labels has one sample with none. */
export type Samples = Iterable<readonly [labels: Record<string, string>, value: number]>;

/** Registers a metric whose samples are read at the moment of each scrape. */
export type Register = (
  name: string,
  help: string,
  labelNames: readonly string[],
  read: () => Samples | Promise<Samples>,
) => void;

/** What registers gauges and counters in a registry, without the global one. */
export async function instruments(registry: Registry): Promise<{gauge: Register; counter: Register}> {
  const {Counter, Gauge} = await import('prom-client');
  const registerWith =
    (Metric: typeof Counter | typeof Gauge): Register =>
    (name, help, labelNames, read) => {
      const metric = new Metric({
        name,
        help,
        labelNames: [...labelNames],
        registers: [],
        async collect() {
          const samples = await read();
          this.reset();
          for (const [labels, value] of samples) this.inc(labels, value);
        },
      });
      registry.registerMetric(metric);
    };
  return {gauge: registerWith(Gauge), counter: registerWith(Counter)};
}
