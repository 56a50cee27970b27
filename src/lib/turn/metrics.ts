import type {Registry} from 'prom-client';

import {instruments} from '../observability/instruments.ts';
import type {Register, Samples} from '../observability/instruments.ts';
import type {ServerStats} from './io/server-options.ts';

/** Scrapes and the many metrics of one scrape share an answer of the workers. */
const STATS_AGE_LIMIT_MS = 250;

export interface MetricsSource {
  /** Summed over all workers. */
  stats(): Promise<ServerStats>;
  /** Workers that run, and how many had to be started again. */
  workers(): {alive: number; restarts: number};
}

/** What STUN and TURN servers have in common; both answer Binding requests. */
export async function registerStunMetrics(registry: Registry, source: MetricsSource): Promise<void> {
  const {gauge, counter} = await statsInstruments(registry, source);
  counter('quiver_stun_requests_total', 'Binding requests that came.', [], ({counters}) => [
    [{}, counters.bindingRequests],
  ]);
  counter('quiver_stun_rate_limited_total', 'Binding requests over the limit of their source.', [], ({counters}) => [
    [{}, counters.bindingLimited],
  ]);
  counter('quiver_stun_malformed_total', 'Packets that were neither STUN nor ChannelData.', [], ({counters}) => [
    [{}, counters.malformed],
  ]);
  gauge('quiver_stun_active_sessions', 'TCP and TLS connections open now.', [], ({connections}) => [[{}, connections]]);
  counter('quiver_stun_connections_total', 'TCP and TLS connections, by outcome.', ['outcome'], ({streams}) => [
    [{outcome: 'accepted'}, streams.accepted],
    [{outcome: 'refused'}, streams.refused],
    [{outcome: 'handshake-failed'}, streams.handshakesFailed],
    [{outcome: 'overdue'}, streams.overdue],
  ]);
  counter('quiver_stun_send_failures_total', 'Packets that could not be sent, by reason.', ['reason'], (stats) => [
    [{reason: 'error'}, stats.udp.sendErrors],
    [{reason: 'queue-full'}, stats.udp.sendDropped],
    [{reason: 'slow-client'}, stats.streams.sendDropped],
  ]);
  counter('quiver_stun_internal_errors_total', 'Packets dropped for a bug of ours.', [], ({internalErrors}) => [
    [{}, internalErrors],
  ]);
  gauge('quiver_stun_workers', 'Worker threads that run.', [], () => [[{}, source.workers().alive]]);
  counter('quiver_stun_worker_restarts_total', 'Worker threads that died and were started again.', [], () => [
    [{}, source.workers().restarts],
  ]);
}

/** Registers what only a TURN server has. */
export async function registerTurnMetrics(registry: Registry, source: MetricsSource): Promise<void> {
  const {gauge, counter} = await statsInstruments(registry, source);
  gauge('quiver_turn_allocations', 'Allocations that live now.', [], ({core}) => [[{}, core.allocations]]);
  gauge('quiver_turn_active_sessions', 'Clients with an allocation or about to get one.', [], ({core}) => [
    [{}, core.allocations + core.opening],
  ]);
  counter('quiver_turn_allocations_total', 'Allocations made.', [], ({counters}) => [
    [{}, counters.allocationsCreated],
  ]);
  counter('quiver_turn_allocations_expired_total', 'Allocations that nobody refreshed.', [], ({counters}) => [
    [{}, counters.allocationsExpired],
  ]);
  counter('quiver_turn_refused_total', 'Allocations refused, by reason.', ['reason'], ({counters}) =>
    Object.entries(counters.allocationsRefused).map(([reason, count]) => [{reason}, count]),
  );
  counter('quiver_turn_auth_failures_total', 'Requests with wrong, unknown or expired credentials.', [], (stats) => [
    [{}, stats.counters.authFailures],
  ]);
  counter('quiver_turn_challenges_total', 'Requests answered with a challenge, by outcome.', ['outcome'], (stats) => [
    [{outcome: 'sent'}, stats.counters.challenges],
    [{outcome: 'stale-nonce'}, stats.counters.staleNonces],
    [{outcome: 'rate-limited'}, stats.counters.challengesLimited],
  ]);
  counter('quiver_turn_peers_forbidden_total', 'Peers refused by the rules.', [], ({counters}) => [
    [{}, counters.peersForbidden],
  ]);
  counter(
    'quiver_turn_packets_total',
    'Packets relayed, by direction and transport.',
    ['direction', 'transport'],
    (s) => byTraffic(s, 'packetsToPeer', 'packetsToClient'),
  );
  counter('quiver_turn_bytes_total', 'Payload relayed, by direction and transport.', ['direction', 'transport'], (s) =>
    byTraffic(s, 'bytesToPeer', 'bytesToClient'),
  );
  counter('quiver_turn_bandwidth_bytes_total', 'Payload relayed, both directions together.', [], ({counters}) => [
    [{}, Object.values(counters.traffic).reduce((sum, each) => sum + each.bytesToPeer + each.bytesToClient, 0)],
  ]);
  counter('quiver_turn_packets_dropped_total', 'Packets not relayed, by reason.', ['reason', 'transport'], (stats) =>
    Object.entries(stats.counters.traffic).flatMap(([transport, each]) => [
      [{reason: 'bandwidth', transport}, each.packetsCapped],
      [{reason: 'not-permitted', transport}, each.packetsDropped],
    ]),
  );
}

function byTraffic(
  {counters}: ServerStats,
  toPeer: 'packetsToPeer' | 'bytesToPeer',
  toClient: 'packetsToClient' | 'bytesToClient',
): Samples {
  return Object.entries(counters.traffic).flatMap(([transport, each]) => [
    [{direction: 'to-peer', transport}, each[toPeer]],
    [{direction: 'to-client', transport}, each[toClient]],
  ]);
}

type RegisterStats = (
  name: string,
  help: string,
  labelNames: readonly string[],
  read: (stats: ServerStats) => Samples,
) => void;

async function statsInstruments(
  registry: Registry,
  source: MetricsSource,
): Promise<{gauge: RegisterStats; counter: RegisterStats}> {
  const {gauge, counter} = await instruments(registry);
  let answer: Promise<ServerStats> | undefined;
  let askedAtMs = Number.NEGATIVE_INFINITY;
  const stats = (): Promise<ServerStats> => {
    const nowMs = performance.now();
    if (answer === undefined || nowMs - askedAtMs > STATS_AGE_LIMIT_MS) {
      askedAtMs = nowMs;
      answer = source.stats();
    }
    return answer;
  };
  const ofStats =
    (register: Register): RegisterStats =>
    (name, help, labelNames, read) =>
      register(name, help, labelNames, async () => read(await stats()));
  return {gauge: ofStats(gauge), counter: ofStats(counter)};
}
