import {readdir, readFile, readlink} from 'node:fs/promises';

import type {Registry} from 'prom-client';

import {readAll} from '../../core/read-all.ts';
import {instruments, type Samples} from '../../observability/instruments.ts';

/** A scrape waits for it, and its own server is on this machine. */
const ASK_TIMEOUT_MS = 1_000;
const ANSWER_LIMIT_BYTES = 1024 * 1024;
/** The metrics of one scrape share an answer. */
const ANSWER_AGE_LIMIT_MS = 250;

export interface CoturnSources {
  /** Of its own metrics on loopback; undefined where the build has none. */
  metricsPort: number | undefined;
  /** Of coturn, while it runs. */
  pid: () => number | undefined;
  relayPorts: readonly [number, number];
  /** Whether it runs, and how often it had to be started again. */
  workers: () => {alive: number; restarts: number};
}

const LABEL_NAMES = ['direction', 'transport', 'outcome'] as const;

/** What coturn itself counts, by our names for it. It counts traffic once an allocation has ended, by no transport. */
const COUNTERS: readonly {
  name: string;
  help: string;
  read: (of: (theirs: string) => number) => Samples;
}[] = [
  {
    name: 'quiver_stun_requests_total',
    help: 'Binding requests that came.',
    read: (of) => [[{}, of('stun_binding_request')]],
  },
  {
    name: 'quiver_turn_challenges_total',
    help: 'Requests answered with a challenge, by outcome.',
    read: (of) => [
      [{outcome: 'sent'}, of('turn_unauthenticated_401_responses')],
      [{outcome: 'rate-limited'}, of('turn_unauthenticated_401_dropped_responses')],
    ],
  },
  {
    name: 'quiver_turn_packets_total',
    help: 'Packets relayed, by direction and transport.',
    read: (of) => [
      [{direction: 'to-peer', transport: 'all'}, of('turn_total_traffic_peer_sentp')],
      [{direction: 'to-client', transport: 'all'}, of('turn_total_traffic_peer_rcvp')],
    ],
  },
  {
    name: 'quiver_turn_bytes_total',
    help: 'Payload relayed, by direction and transport.',
    read: (of) => [
      [{direction: 'to-peer', transport: 'all'}, of('turn_total_traffic_peer_sentb')],
      [{direction: 'to-client', transport: 'all'}, of('turn_total_traffic_peer_rcvb')],
    ],
  },
  {
    name: 'quiver_turn_bandwidth_bytes_total',
    help: 'Payload relayed, both directions together.',
    read: (of) => [[{}, of('turn_total_traffic_peer_sentb') + of('turn_total_traffic_peer_rcvb')]],
  },
];

/**
 * Registers what can be known of a coturn under the names that our own engines have: its allocations, whether it runs,
 * and what its own metrics say where the build has them.
 */
export async function registerCoturnMetrics(registry: Registry, sources: CoturnSources): Promise<void> {
  const {gauge, counter} = await instruments(registry);
  const {workers, metricsPort} = sources;
  gauge('quiver_turn_allocations', 'Allocations that live now.', [], async () => [
    [{}, await countAllocations(sources)],
  ]);
  gauge('quiver_stun_workers', 'Worker threads that run.', [], () => [[{}, workers().alive]]);
  counter('quiver_stun_worker_restarts_total', 'Worker threads that died and were started again.', [], () => [
    [{}, workers().restarts],
  ]);
  if (metricsPort === undefined) return;
  const ask = shared(() => askCoturn(metricsPort));
  for (const {name, help, read} of COUNTERS) {
    counter(name, help, LABEL_NAMES, async () => {
      const theirs = await ask();
      return read((each) => theirs.get(each) ?? 0);
    });
  }
}

/** Its own count, else its UDP sockets in the range of ports that it relays from; it closes them within seconds. */
export async function countAllocations({metricsPort, pid, relayPorts: [first, last]}: CoturnSources): Promise<number> {
  if (metricsPort !== undefined) return (await askCoturn(metricsPort)).get('turn_total_allocations') ?? 0;
  const [held, ...tables] = await Promise.all([
    socketsOf(pid()),
    ...['udp', 'udp6'].map((name) => readFile(`/proc/net/${name}`, 'utf8').catch(() => '')),
  ]);
  const lines = tables.flatMap((table) => table.split('\n')).map((line) => line.trim().split(/\s+/));
  return lines.filter(([, local = '', , , , , , , , inode = '']) => {
    const port = Number.parseInt(local.split(':')[1] ?? '', 16);
    return port >= first && port <= last && held.has(inode);
  }).length;
}

/** Inodes of the sockets that a process holds (proc(5)); none where it has ended. */
async function socketsOf(pid: number | undefined): Promise<ReadonlySet<string>> {
  const folder = `/proc/${pid ?? 0}/fd`;
  const links = (await readdir(folder).catch(() => [])).map((name) => readlink(`${folder}/${name}`).catch(() => ''));
  return new Set((await Promise.all(links)).flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []));
}

/** Sums of its samples by name; none when it doesn't answer. */
async function askCoturn(port: number): Promise<ReadonlyMap<string, number>> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/metrics`, {signal: AbortSignal.timeout(ASK_TIMEOUT_MS)});
    const text = (await readAll(response.body, ANSWER_LIMIT_BYTES)).toString();
    return response.ok ? readSamples(text) : new Map();
  } catch {
    return new Map();
  }
}

/** Reads the Prometheus text format; labels are summed over. */
export function readSamples(text: string): ReadonlyMap<string, number> {
  const sums = new Map<string, number>();
  for (const [, name = '', value = ''] of text.matchAll(/^([a-zA-Z_:][\w:]*)(?:\{[^\n]*\})? (\S+)/gm)) {
    const number = Number(value);
    if (Number.isFinite(number)) sums.set(name, (sums.get(name) ?? 0) + number);
  }
  return sums;
}

function shared<T>(ask: () => Promise<T>): () => Promise<T> {
  let answer: Promise<T> | undefined;
  let askedAtMs = 0;
  return () => {
    const nowMs = performance.now();
    if (answer === undefined || nowMs - askedAtMs > ANSWER_AGE_LIMIT_MS) {
      askedAtMs = nowMs;
      answer = ask();
    }
    return answer;
  };
}
