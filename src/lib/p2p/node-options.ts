import type {GossipSub} from '@libp2p/gossipsub';
import type {Identify} from '@libp2p/identify';
import type {Libp2p, PrivateKey} from '@libp2p/interface';
import type {KadDHT, SelectFn, ValidateFn} from '@libp2p/kad-dht';
import type {Ping} from '@libp2p/ping';
import type {Multiaddr} from '@multiformats/multiaddr';

import type {Logger} from '../observability/logger.ts';
import type {Admission} from './admission.ts';
import type {NodeListen} from './hosts.ts';
import type {RelayLimits} from './relay/limits.ts';
import type {RelayServer} from './relay/relay-server.ts';
import type {Rejoin} from './rejoin.ts';
import type {NodeLimits, NodeRole} from './roles.ts';

/** The part of a network profile that a node needs. */
export interface NodeNetwork {
  name: string;
  /** `/quiver/<name>`, the start of every protocol id and topic. */
  protocolPrefix: string;
  /** Nothing beyond this machine is dialled. */
  loopbackOnly: boolean;
  /** Relays to hold a slot on, besides those that the DHT finds. */
  relayNodes: readonly string[];
  /** `stun:host:port`, for WebRTC between peers behind NATs; none is asked where none is named. */
  stunServers?: readonly string[];
}

/** How the DHT checks the records of one key namespace (`/<namespace>/…`). */
export interface RecordRules {
  /** Throws if the value is not a valid record for the key. */
  validate: ValidateFn;
  /** Index of the best of several valid records. */
  select: SelectFn;
}

export interface NodeOptions {
  /** At least one. */
  roles: readonly NodeRole[];
  profile: NodeNetwork;
  /** Ed25519; the peer id follows from it. */
  privateKey: PrivateKey;
  listen: NodeListen;
  /** Addresses to tell others instead of those found out, e.g. of a load balancer. */
  announce?: readonly string[];
  /** Multiaddrs (with or without a peer id), `/dnsaddr/…` or `host:port`. */
  bootstrap: readonly string[];
  /** SQLite file that remembers peers across restarts; without it they are kept in memory. */
  peerStorePath?: string;
  /** Announce on the LAN and look for others there; never on a loopback network. */
  mdns: boolean;
  /** False keeps a node from storing DHT records for others, whatever its role. @default true */
  serveDht?: boolean;
  /** Overrides of the roles' own limits. */
  limits?: Partial<NodeLimits>;
  /** Overrides of the relay's own limits; only for the role `relay`. */
  relay?: Partial<RelayLimits>;
  /** DHT key namespace to the rules for its records. */
  records?: ReadonlyMap<string, RecordRules>;
  log: Logger;
}

/** Not a plain interface, since libp2p wants its services assignable to a record. */
// oxlint-disable-next-line typescript/consistent-type-definitions
export type QuiverServices = {
  identify: Identify;
  ping: Ping;
  dht: KadDHT;
  pubsub: GossipSub;
  admission: Admission;
  rejoin: Rejoin;
  /** What the node really listens on, without its peer id; `getMultiaddrs` gives what others are told. */
  sockets: {addresses(): Multiaddr[]};
  addressUpdate: unknown;
  autonat?: unknown;
  dcutr?: unknown;
  relay?: RelayServer;
};

export type QuiverNode = Libp2p<QuiverServices>;
