/** Both clocks are monotonic, but each thread counts `performance.now` from its own start. */
const OFFSET_MS = Number(process.hrtime.bigint() / 1_000n) / 1_000 - performance.now();

/** Monotonic ms since the machine started, the same in every thread of a process: limits are shared between workers. */
export function monotonicMs(): number {
  return performance.now() + OFFSET_MS;
}
