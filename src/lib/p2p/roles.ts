/** What a node is there for; a node may have several roles. */
export type NodeRole = 'bootstrap' | 'relay' | 'provider' | 'client' | 'gateway';

export interface NodeLimits {
  /** Open connections, in and out together. */
  maxPeers: number;
  /** Inbound connections that have not finished their handshake. */
  maxPendingConnections: number;
  /** How long a fresh connection is spared when connections are pruned, in ms. */
  connectionGracePeriodMs: number;
  /** New inbound connections a second from one IP address. */
  inboundPerSecondPerHost: number;
  /** Open inbound connections from one IPv4 /24 or IPv6 /56. */
  maxInboundPerSubnet: number;
}

export interface RoleTraits {
  limits: NodeLimits;
  /** `auto`: client until a public address is verified, then server. */
  dht: 'client' | 'auto' | 'server';
  /** Serves circuit relay v2 reservations to others. */
  relayServer: boolean;
  /** Subscribes to the network's topics only to pass them on, and offers peers to those it prunes. */
  gossipHub: boolean;
  /** Asks relays for a slot, so that it can be reached behind a NAT. */
  wantsRelay: boolean;
}

const ORDINARY: NodeLimits = {
  maxPeers: 50,
  maxPendingConnections: 10,
  connectionGracePeriodMs: 20_000,
  // A household or a test network behind one address; libp2p's own 5 refuses a reconnecting office.
  inboundPerSecondPerHost: 20,
  maxInboundPerSubnet: 32,
};

const PUBLIC: NodeLimits = {
  maxPeers: 1_000,
  maxPendingConnections: 100,
  connectionGracePeriodMs: 20_000,
  inboundPerSecondPerHost: 100,
  // A carrier-grade NAT holds hundreds of homes behind one /24, an attacker holds thousands of ports.
  maxInboundPerSubnet: 256,
};

/** On loopback all peers share one address, so limits by address would count the whole network as one. */
export const LOOPBACK_LIMITS: Partial<NodeLimits> = {inboundPerSecondPerHost: 10_000, maxInboundPerSubnet: 10_000};

/** Roles differ by this data alone. */
export const ROLES: Readonly<Record<NodeRole, RoleTraits>> = {
  bootstrap: {limits: PUBLIC, dht: 'server', relayServer: false, gossipHub: true, wantsRelay: false},
  relay: {limits: PUBLIC, dht: 'server', relayServer: true, gossipHub: true, wantsRelay: false},
  provider: {limits: ORDINARY, dht: 'auto', relayServer: false, gossipHub: false, wantsRelay: true},
  client: {limits: ORDINARY, dht: 'client', relayServer: false, gossipHub: false, wantsRelay: false},
  gateway: {limits: ORDINARY, dht: 'auto', relayServer: false, gossipHub: false, wantsRelay: false},
};

const DHT_ORDER = ['client', 'auto', 'server'] as const;

/** The traits of a node with all of `roles`: of two limits the larger, of two abilities both. */
export function traitsOf(roles: readonly NodeRole[], limits: Partial<NodeLimits> = {}): RoleTraits {
  const traits = roles.map((role) => ROLES[role]).reduce(merge);
  return {...traits, limits: {...traits.limits, ...limits}};
}

function merge(a: RoleTraits, b: RoleTraits): RoleTraits {
  const relayServer = a.relayServer || b.relayServer;
  return {
    limits: {
      maxPeers: Math.max(a.limits.maxPeers, b.limits.maxPeers),
      maxPendingConnections: Math.max(a.limits.maxPendingConnections, b.limits.maxPendingConnections),
      connectionGracePeriodMs: Math.max(a.limits.connectionGracePeriodMs, b.limits.connectionGracePeriodMs),
      inboundPerSecondPerHost: Math.max(a.limits.inboundPerSecondPerHost, b.limits.inboundPerSecondPerHost),
      maxInboundPerSubnet: Math.max(a.limits.maxInboundPerSubnet, b.limits.maxInboundPerSubnet),
    },
    dht: DHT_ORDER[Math.max(DHT_ORDER.indexOf(a.dht), DHT_ORDER.indexOf(b.dht))] ?? 'client',
    relayServer,
    gossipHub: a.gossipHub || b.gossipHub,
    // A relay is reachable by definition.
    wantsRelay: (a.wantsRelay || b.wantsRelay) && !relayServer,
  };
}
