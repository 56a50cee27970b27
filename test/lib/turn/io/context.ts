import type {Registry} from 'prom-client';

import {createLogger} from '../../../../src/lib/observability/logger.ts';
import {createMetrics} from '../../../../src/lib/observability/metrics.ts';
import type {ServiceContext} from '../../../../src/lib/service/service.ts';

export interface TestContext extends ServiceContext {
  metrics: Registry;
  /** Messages of the log so far. */
  logged: () => string[];
}

/** What a host would give a service. */
export async function serviceContext(): Promise<TestContext> {
  const lines: string[] = [];
  const log = await createLogger({level: 'info', destination: {write: (line: string) => void lines.push(line)}});
  const metrics = (await createMetrics('1')).forService('test');
  return {
    signal: new AbortController().signal,
    log,
    metrics,
    find: () => undefined,
    logged: () => lines.map((line) => (JSON.parse(line) as {msg: string}).msg),
  };
}
