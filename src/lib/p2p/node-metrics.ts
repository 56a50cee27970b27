import type {Registry} from 'prom-client';

import {instruments, type Samples} from '../observability/instruments.ts';
import type {QuiverNode} from './node-options.ts';
import {routingTableSize} from './node-routes.ts';
import {transportOf} from './peer-list.ts';
import type {RelayServer} from './relay/relay-server.ts';

/** Registers the metrics of a node, read at the moment of each scrape. */
export async function registerNodeMetrics(registry: Registry, node: QuiverNode): Promise<void> {
  const {gauge, counter} = await instruments(registry);
  const {admission, dht, pubsub} = node.services;
  gauge('quiver_node_connections', 'Open connections.', ['direction', 'transport'], () =>
    node
      .getConnections()
      .map((connection) => [{direction: connection.direction, transport: transportOf(connection)}, 1]),
  );
  counter(
    'quiver_node_connections_refused_total',
    'Inbound connections refused because their subnet had as many as it may.',
    [],
    () => [[{}, admission.refused]],
  );
  gauge('quiver_dht_routing_table_peers', 'Peers in the routing table of the DHT.', [], () => [
    [{}, routingTableSize(dht)],
  ]);
  gauge('quiver_gossip_topic_peers', 'Connected peers that are subscribed to a topic, by topic.', ['topic'], () =>
    pubsub.getTopics().map((topic) => [{topic}, pubsub.getSubscribers(topic).length]),
  );
}

/** Registers the metrics of a relay, read at the moment of each scrape. */
export async function registerRelayMetrics(registry: Registry, relay: RelayServer): Promise<void> {
  const {gauge, counter} = await instruments(registry);
  const byOutcome = (counts: ReadonlyMap<string, number>): Samples =>
    [...counts].map(([outcome, count]) => [{outcome}, count]);
  gauge('quiver_relay_reservations', 'Slots held now.', [], () => [[{}, relay.stats().reservations]]);
  gauge('quiver_relay_circuits', 'Circuits open now.', [], () => [[{}, relay.stats().circuits]]);
  counter('quiver_relay_reservations_total', 'Requests for a slot, by outcome.', ['outcome'], () =>
    byOutcome(relay.stats().reservationRequests),
  );
  counter('quiver_relay_circuits_total', 'Requests for a circuit, by outcome.', ['outcome'], () =>
    byOutcome(relay.stats().circuitRequests),
  );
  counter('quiver_relay_released_total', 'Slots freed because their holder left.', [], () => [
    [{}, relay.stats().released],
  ]);
  counter('quiver_relay_circuits_cut_total', 'Circuits ended for their time or their bytes.', [], () => [
    [{}, relay.stats().cutAtLimit],
  ]);
  counter('quiver_relay_relayed_bytes_total', 'Bytes relayed, both directions together.', [], () => [
    [{}, Number(relay.stats().relayedBytes)],
  ]);
}
