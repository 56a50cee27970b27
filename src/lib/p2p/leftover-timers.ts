import type {GossipSub, GossipSubComponents} from '@libp2p/gossipsub';
import type {Startable} from '@libp2p/interface';

import type {Components} from './transports.ts';

/**
 * Ends the timer of the heartbeat with GossipSub 17.1.1, which leaves it behind: for up to a second a process that has
 * stopped could not end, and a stopped node beat once more.
 */
export function endHeartbeat(
  create: (components: GossipSubComponents) => GossipSub,
): (components: GossipSubComponents) => GossipSub {
  return (components) => {
    const gossip: GossipSub & Partial<Startable> = create(components);
    const stop = gossip.stop?.bind(gossip);
    gossip.stop = async () => {
      const status = Reflect.get(gossip, 'status') as {heartbeatTimeout?: NodeJS.Timeout} | undefined;
      clearTimeout(status?.heartbeatTimeout);
      await stop?.();
    };
    return gossip;
  };
}

/**
 * Takes back what libp2p 3.3.11 puts off by a second when its listeners close: to write the node's own addresses into a
 * store that is closed by then.
 */
export function endAddressUpdate({addressManager}: Components): Startable {
  return {
    start: () => undefined,
    stop: () => undefined,
    afterStop() {
      const update = Reflect.get(addressManager, '_updatePeerStoreAddresses') as {stop?: () => void} | undefined;
      update?.stop?.();
    },
  };
}
