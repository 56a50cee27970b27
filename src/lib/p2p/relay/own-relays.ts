import type {Connection, PeerId, Stream} from '@libp2p/interface';

import type {TransportFactory} from '../transports.ts';

/** What @libp2p/circuit-relay-v2 4.2.13 hides of its transport. */
interface Hidden {
  reservationStore: {hasReservation(peer: PeerId): boolean};
  onStop(stream: Stream, connection: Connection): Promise<void>;
}

/**
 * Takes circuits only from relays that granted this node a slot. By itself the package begins to listen at whoever sends
 * it one: a stranger could make a node ask for slots, and keep a listener for each time.
 */
export function onlyOwnRelays(create: TransportFactory): TransportFactory {
  return (components) => {
    const transport = create(components);
    const hidden = transport as unknown as Hidden;
    const onStop = hidden.onStop.bind(transport);
    hidden.onStop = async (stream, connection) => {
      if (hidden.reservationStore.hasReservation(connection.remotePeer)) await onStop(stream, connection);
      else stream.abort(new Error('a circuit from a peer that is no relay of this node'));
    };
    return transport;
  };
}
