import type {ConnectionStats} from '../ice/connection.ts';
import type {BenchReport} from '../ice/jobs/bench.ts';
import {table} from './output.ts';

/** What was measured, for a person. */
export function benchText(
  {latencyMs, upMbitPerS, downMbitPerS}: BenchReport,
  stats: ConnectionStats | undefined,
): string {
  const rows = [
    ['latency', `${latencyMs.median.toFixed(1)} ms (p95 ${latencyMs.p95.toFixed(1)} ms)`],
    ['up', `${upMbitPerS.toFixed(1)} Mbit/s`],
    ['down', `${downMbitPerS.toFixed(1)} Mbit/s`],
    ...(stats === undefined
      ? []
      : [
          ['path', `${stats.type}, ${stats.pair.local.type} to ${stats.pair.remote.type}`],
          ['jitter', `${stats.jitterMs.toFixed(1)} ms`],
          ['loss', `${(100 * stats.lossRatio).toFixed(0)} %`],
        ]),
  ];
  return table(['MEASURED', 'RESULT'], rows);
}
