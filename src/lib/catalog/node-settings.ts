import type {Config} from '../config/config.ts';
import {peerKeyFile, peerStore, type Places} from '../config/places.ts';
import {loadOrCreatePeerKey} from '../identity/peer-key.ts';
import type {NodeServiceOptions} from '../p2p/node-service.ts';
import type {NodeLimits, NodeRole} from '../p2p/roles.ts';
import {listenHosts} from './listen-hosts.ts';
import type {NodeServiceName} from './service-names.ts';

/** What the settings say about the node of one service; its peer key is made on first use. */
export async function nodeSettings(
  config: Config,
  places: Places,
  section: NodeServiceName,
  roles: readonly NodeRole[],
): Promise<NodeServiceOptions> {
  const {profile} = config;
  const tcp = config.get(`${section}.port`);
  return {
    name: 'node',
    roles,
    // Relays and STUN servers may be named by more than the profile.
    profile: {
      ...profile,
      relayNodes: config.get('network.relay_nodes'),
      stunServers: config.get('network.stun_servers'),
    },
    privateKey: await loadOrCreatePeerKey(peerKeyFile(places, section)),
    listen: {
      host: listenHosts(config.get(`${section}.host`), profile),
      tcp,
      quic: config.get(`${section}.quic_port`) ?? tcp,
      ws: config.get(`${section}.ws_port`),
      webrtcDirect: config.get(`${section}.webrtc_port`),
    },
    announce: config.get('network.announce'),
    bootstrap: config.get('network.bootstrap_nodes'),
    peerStorePath: peerStore(places, section),
    mdns: config.get('network.enable_mdns'),
    serveDht: config.get('network.enable_dht'),
    limits: limits(config),
  };
}

function limits(config: Config): Partial<NodeLimits> {
  const maxPeers = config.get('network.connection_limits.max_peers');
  const maxPendingConnections = config.get('network.connection_limits.max_pending_connections');
  const connectionGracePeriodMs = config.get('network.connection_limits.connection_grace_period');
  return {
    ...(maxPeers !== undefined && {maxPeers}),
    ...(maxPendingConnections !== undefined && {maxPendingConnections}),
    ...(connectionGracePeriodMs !== undefined && {connectionGracePeriodMs}),
  };
}
