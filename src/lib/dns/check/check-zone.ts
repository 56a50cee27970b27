import {Dialler} from '../../probe/dialler.ts';
import {buildRecords} from '../build/zone.ts';
import type {Topology} from '../model/topology.ts';
import {checkRecords} from './records.ts';
import type {ZoneCheck} from './report.ts';
import {ZoneResolver} from './resolver.ts';
import {checkServices} from './services.ts';

/** Slower than this is down for whoever waits for it. */
const TIMEOUT_MS = 6_000;
/** Of 2,000 silent nodes with all transports it takes three; what is not done after ten says enough. */
const MAX_CHECK_MS = 600_000;

export interface CheckOptions {
  topology: Topology;
  /** `host:port`; the system's without it. */
  resolver?: string | undefined;
  /** For each contact. @default 6,000 */
  timeoutMs?: number;
  signal: AbortSignal;
  /** For all of it; what is not done then is not known. @default 600,000 */
  maxCheckMs?: number;
  /** Told after each contact: those of many nodes take their time. */
  onProgress?: (done: number, all: number) => void;
}

/** Resolves every name, compares it with what the topology wants, and contacts what is behind it. */
export async function checkZone({
  topology,
  resolver: server,
  timeoutMs = TIMEOUT_MS,
  maxCheckMs = MAX_CHECK_MS,
  signal,
  onProgress = () => {},
}: CheckOptions): Promise<ZoneCheck> {
  const resolver = new ZoneResolver(server);
  const deadline = AbortSignal.timeout(maxCheckMs);
  const dialler = await Dialler.open();
  try {
    const [records, services] = await Promise.all([
      checkRecords(buildRecords(topology), resolver, {deadline, signal}),
      checkServices(topology, {resolver, dialler, timeoutMs, deadline, signal}, onProgress),
    ]);
    return {zone: topology.zone, records, services};
  } finally {
    await dialler.close();
  }
}
