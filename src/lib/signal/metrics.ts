import type {Registry} from 'prom-client';

import {instruments} from '../observability/instruments.ts';
import {PEER_STATES} from '../records/signal-message.ts';
import type {SignalExchange} from './exchange.ts';
import {FACES} from './session.ts';

/** Registers the metrics of an exchange, read at the moment of each scrape. */
export async function registerSignalMetrics(registry: Registry, exchange: SignalExchange): Promise<void> {
  const {gauge, counter} = await instruments(registry);
  const {hub, backlog} = exchange;
  gauge('quiver_signal_rooms', 'Rooms with somebody of ours in them.', [], () => [[{}, hub.roomCount]]);
  gauge('quiver_signal_peers', 'Places of peers in rooms, by the state they report.', ['state'], () => [
    ...PEER_STATES.map((state) => [{state}, 0] as const),
    ...hub.localMembers().map(({state}) => [{state}, 1] as const),
  ]);
  gauge('quiver_signal_connections', 'Clients, by how they are connected.', ['face'], () => [
    ...FACES.map((face) => [{face}, 0] as const),
    ...[...hub.sessions].map(({face}) => [{face}, 1] as const),
  ]);
  gauge('quiver_signal_waiting_bytes', 'What is kept for clients to read.', [], () => [
    [{}, backlog.bytes + hub.sessions.waitingBytes],
  ]);
  counter('quiver_signal_messages_total', 'Well-formed messages of clients, by type.', ['type'], () =>
    [...hub.stats.received.entries].map(([type, count]) => [{type}, count]),
  );
  counter('quiver_signal_relayed_total', 'Messages passed on to another peer, by type.', ['type'], () =>
    [...hub.stats.relayed.entries].map(([type, count]) => [{type}, count]),
  );
  counter('quiver_signal_refused_total', 'What was refused, by reason.', ['reason'], () =>
    [...hub.stats.refused.entries].map(([reason, count]) => [{reason}, count]),
  );
}
