import type {IceConnection} from '../connection.ts';
import {CHUNK_BYTES, type IceStream} from '../stream.ts';
import {jobFailed} from './job.ts';

export interface BenchReport {
  /** Round trips of 8 bytes over the reliable channel. */
  latencyMs: {median: number; p95: number; count: number};
  /** Measured where the bytes arrived. */
  upMbitPerS: number;
  downMbitPerS: number;
}

export interface BenchOptions {
  /** For each direction. @default 2000 */
  phaseMs?: number;
}

const PHASE_MS = 2_000;
const PHASE_LIMIT_MS = 60_000;
const ROUND_TRIPS = 50;
const PING_BYTES = 8;

/** Measures a path with the other side's help. Errors: ICE_…. */
export async function runBench(
  connection: IceConnection,
  {phaseMs = PHASE_MS}: BenchOptions = {},
): Promise<BenchReport> {
  const latencyMs = await roundTrips(connection.openStream({kind: 'bench', phase: 'echo'}));
  const up = connection.openStream({kind: 'bench', phase: 'sink'});
  await pour(up, phaseMs);
  const arrived = parseReport(await readAll(up));
  const down = connection.openStream({kind: 'bench', phase: 'source', ms: phaseMs});
  down.end();
  return {latencyMs, upMbitPerS: rate(arrived), downMbitPerS: rate(await drainStream(down))};
}

/** The other side of it. */
export async function serveBench(stream: IceStream): Promise<void> {
  const {phase, ms} = stream.header as {phase?: unknown; ms?: unknown};
  if (phase === 'echo') {
    for await (const chunk of stream) await stream.write(chunk);
    stream.end();
  } else if (phase === 'sink') {
    await stream.write(Buffer.from(JSON.stringify(await drainStream(stream))));
    stream.end();
  } else if (phase === 'source' && typeof ms === 'number' && ms > 0 && ms <= PHASE_LIMIT_MS) {
    await pour(stream, ms);
  } else {
    stream.reset('this measurement is not known here');
  }
}

interface Arrived {
  bytes: number;
  ms: number;
}

async function roundTrips(stream: IceStream): Promise<BenchReport['latencyMs']> {
  const times: number[] = [];
  const reader = stream[Symbol.asyncIterator]();
  for (let round = 0; round < ROUND_TRIPS; round++) {
    const startedMs = performance.now();
    await stream.write(Buffer.alloc(PING_BYTES, round));
    for (let have = 0; have < PING_BYTES;) {
      const {value, done} = await reader.next();
      if (done === true) throw jobFailed('BENCH_CUT', 'The measurement was cut short', 'Try again.');
      have += value.length;
    }
    times.push(performance.now() - startedMs);
  }
  stream.end();
  await reader.next();
  const sorted = times.toSorted((a, b) => a - b);
  return {
    median: sorted[sorted.length >> 1] ?? 0,
    p95: sorted[Math.floor(sorted.length * 0.95)] ?? 0,
    count: sorted.length,
  };
}

async function pour(stream: IceStream, ms: number): Promise<void> {
  const chunk = Buffer.alloc(CHUNK_BYTES);
  const until = performance.now() + ms;
  while (performance.now() < until) await stream.write(chunk);
  stream.end();
}

/** From the first byte to the last. */
async function drainStream(stream: IceStream): Promise<Arrived> {
  let bytes = 0;
  let firstMs: number | undefined;
  for await (const chunk of stream) {
    firstMs ??= performance.now();
    bytes += chunk.length;
  }
  return {bytes, ms: firstMs === undefined ? 0 : performance.now() - firstMs};
}

async function readAll(stream: IceStream): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

function parseReport(text: string): Arrived {
  const report = JSON.parse(text) as Partial<Arrived>;
  return {bytes: Number(report.bytes), ms: Number(report.ms)};
}

function rate({bytes, ms}: Arrived): number {
  return ms > 0 ? (bytes * 8) / ms / 1_000 : 0;
}
