import type {Libp2pOptions, ServiceFactoryMap} from 'libp2p';

import type {SqliteDatastore} from '../storage/datastore.ts';
import {Admission} from './admission.ts';
import {loadGossip} from './gossip.ts';
import {eachHost} from './hosts.ts';
import {assertPortsFree, isLoopbackHost, listenMultiaddrs} from './listen.ts';
import {endAddressUpdate, endHeartbeat} from './leftover-timers.ts';
import type {NodeNetwork, NodeOptions, QuiverNode, QuiverServices} from './node-options.ts';
import type {PeerAddress} from './peer-address.ts';
import {assertOnLoopback, parseBootstrap, parsePeerAddress} from './peer-address.ts';
import {gossipTopics, networkNames} from './protocols.ts';
import type {Rejoin} from './rejoin.ts';
import {LOOPBACK_RELAY_LIMITS} from './relay/limits.ts';
import type {RoleTraits} from './roles.ts';
import {LOOPBACK_LIMITS, traitsOf} from './roles.ts';
import {toldAddresses} from './told-addresses.ts';
import type {Transports} from './transports.ts';
import {loadTransports} from './transports.ts';

/**
 * What one stream may hold in memory, in bytes; it is reset beyond. What its sender may have on the way (the window)
 * has to fit into the read buffer of 4 MiB of a paused stream, and then into the write buffer of the next one.
 */
const STREAM_LIMITS = {maxStreamWindowSize: 1024 * 1024, maxWriteBufferLength: 4 * 1024 * 1024};

/** Slots held on different relays, so that one relay's restart does not cut a provider off. */
const RELAY_SLOTS = 2;

/** Remembered peers outlive a long holiday: they are the way back when every bootstrap is gone. */
const PEER_MEMORY_MS = 30 * 24 * 60 * 60 * 1_000;

/** Weight of a fresh connection when connections are pruned, see `connectionGracePeriodMs`. */
const GRACE_TAG_VALUE = 50;

/**
 * Pings of one connection at once. With libp2p's own 1 a ping of the DHT makes the connection monitor's fail, which
 * then cuts the connection.
 */
const PING_STREAMS = {maxInboundStreams: 16, maxOutboundStreams: 16};

/** After the start until a node looks itself up in the DHT, in ms; every other lookup waits for that one. */
const FIRST_LOOKUP_MS = 100;

/** Shortest time that a silent connection is given, in ms; a machine out of breath is late by seconds. */
const SILENCE_MS = 10_000;

/**
 * Builds and starts one libp2p node from its roles and its network.
 * It is listening when the promise resolves; joining goes on behind it (`services.rejoin.firstContact`).
 * Throws QuiverError PORT_IN_USE, PORT_NOT_ALLOWED, BAD_HOST, HOST_NOT_HERE, NO_ADDRESS_FAMILY, BAD_PEER_ADDRESS or
 * BEYOND_LOOPBACK.
 */
export async function createNode(options: NodeOptions): Promise<QuiverNode> {
  const {profile, log} = options;
  const bootstraps = parseBootstrap(options.bootstrap);
  const relays = profile.relayNodes.map(parsePeerAddress);
  const listens = eachHost(options.listen);
  for (const listen of listens) await assertPortsFree(listen);
  const loopbackOnly = profile.loopbackOnly && listens.every(({host}) => isLoopbackHost(host));
  if (loopbackOnly) for (const address of [...bootstraps, ...relays]) assertOnLoopback(address, profile.name);

  const traits = traitsOf(options.roles, {...(loopbackOnly ? LOOPBACK_LIMITS : {}), ...options.limits});
  const {limits} = traits;
  const admission = new Admission({loopbackOnly, maxInboundPerSubnet: limits.maxInboundPerSubnet, log});
  const [{createLibp2p}, base, datastore, transports, services] = await Promise.all([
    import('libp2p'),
    loadBase(profile, options.mdns && !loopbackOnly),
    openPeerStore(options.peerStorePath),
    loadTransports(listens, {loopbackOnly, stunServers: loopbackOnly ? [] : (profile.stunServers ?? []), log}),
    loadServices(options, traits, admission, [...bootstraps, ...relays]),
  ]);

  const node: QuiverNode = await createLibp2p<QuiverServices>({
    ...base,
    ...(datastore && {datastore}),
    start: false,
    privateKey: options.privateKey,
    nodeInfo: {name: 'quiver', version: '1', userAgent: `quiver/1 (${options.roles.join(', ')})`},
    addresses: {
      listen: [
        ...transports.listen.flatMap(listenMultiaddrs),
        ...relayedListen(traits, transports, loopbackOnly, relays.length),
      ],
      announce: [...(options.announce ?? [])],
      announceFilter: toldAddresses,
    },
    transports: transports.factories,
    connectionGater: admission.gater,
    connectionManager: {
      maxConnections: limits.maxPeers,
      maxIncomingPendingConnections: limits.maxPendingConnections,
      inboundConnectionThreshold: limits.inboundPerSecondPerHost,
    },
    connectionMonitor: {pingTimeout: {minTimeout: SILENCE_MS, maxTimeout: 3 * SILENCE_MS}},
    peerStore: {maxAddressAge: PEER_MEMORY_MS, maxPeerAge: PEER_MEMORY_MS},
    services,
  });
  spareFreshPeers(node, limits.connectionGracePeriodMs);
  if (datastore) node.addEventListener('stop', () => datastore.close());
  await node.start();
  if (traits.gossipHub)
    for (const topic of gossipTopics(networkNames(profile.protocolPrefix))) node.services.pubsub.subscribe(topic);
  return node;
}

/** The parts that every node has: encryption (TLS 1.3 first, it is the faster one on Node), streams, LAN discovery. */
async function loadBase({name}: NodeNetwork, mdns: boolean): Promise<Libp2pOptions> {
  const [{tls}, {noise}, {yamux}, discovery] = await Promise.all([
    import('@libp2p/tls'),
    import('@libp2p/noise'),
    import('@libp2p/yamux'),
    mdns ? import('@libp2p/mdns') : undefined,
  ]);
  return {
    connectionEncrypters: [tls(), noise()],
    streamMuxers: [yamux({streamOptions: STREAM_LIMITS})],
    ...(discovery && {peerDiscovery: [discovery.mdns({serviceTag: `_quiver-${name}._udp.local`})]}),
  };
}

async function openPeerStore(path: string | undefined): Promise<SqliteDatastore | undefined> {
  if (path === undefined) return undefined;
  const {createSqliteDatastore} = await import('../storage/datastore.ts');
  return createSqliteDatastore(path);
}

async function loadServices(
  options: NodeOptions,
  traits: RoleTraits,
  admission: Admission,
  named: readonly PeerAddress[],
): Promise<ServiceFactoryMap<QuiverServices>> {
  const {profile, log, records} = options;
  const names = networkNames(profile.protocolPrefix);
  const {loopbackOnly} = admission;
  let rejoin: Rejoin | undefined;
  const [{identify}, {ping}, kad, joining, gossip, autonat, dcutr, relay] = await Promise.all([
    import('@libp2p/identify'),
    import('@libp2p/ping'),
    import('@libp2p/kad-dht'),
    import('./rejoin.ts'),
    loadGossip(gossipTopics(names), traits, (peerId) => rejoin?.isNamed(peerId) ?? false),
    loopbackOnly ? undefined : import('@libp2p/autonat-v2'),
    loopbackOnly ? undefined : import('@libp2p/dcutr'),
    traits.relayServer ? import('./relay/relay-server.ts') : undefined,
  ]);
  const dht = dhtMode(options, traits, loopbackOnly);
  return {
    identify: identify(),
    ping: ping({runOnLimitedConnection: true, ...PING_STREAMS}),
    dht: kad.kadDHT({
      protocol: names.kad,
      initialQuerySelfInterval: FIRST_LOOKUP_MS,
      peerInfoMapper: loopbackOnly ? kad.passthroughMapper : kad.removePrivateAddressesMapper,
      validators: Object.fromEntries([...(records ?? [])].map(([namespace, rules]) => [namespace, rules.validate])),
      selectors: Object.fromEntries([...(records ?? [])].map(([namespace, rules]) => [namespace, rules.select])),
      ...(dht !== 'auto' && {clientMode: dht === 'client'}),
    }),
    pubsub: endHeartbeat(gossip),
    admission: (components) => admission.attach(components),
    sockets: ({transportManager}) => ({addresses: () => transportManager.getAddrs()}),
    addressUpdate: endAddressUpdate,
    rejoin: (components) => (rejoin = new joining.Rejoin(components, named, log)),
    ...(autonat && {autonat: autonat.autoNATv2()}),
    ...(dcutr && {dcutr: dcutr.dcutr()}),
    ...(relay && {relay: relay.relayServer({...(loopbackOnly && LOOPBACK_RELAY_LIMITS), ...options.relay}, log)}),
  };
}

/** No address is ever found public on loopback, so a server there has to be one from the start. */
function dhtMode({serveDht}: NodeOptions, traits: RoleTraits, loopbackOnly: boolean): RoleTraits['dht'] {
  if (serveDht === false) return 'client';
  return loopbackOnly && traits.dht === 'auto' ? 'server' : traits.dht;
}

/** Addresses through relays: a slot on each named relay on loopback, on any relay of the network elsewhere. */
function relayedListen(traits: RoleTraits, {webrtc}: Transports, loopbackOnly: boolean, namedRelays: number): string[] {
  if (!traits.wantsRelay) return [];
  const slots = loopbackOnly ? Math.min(namedRelays, RELAY_SLOTS) : RELAY_SLOTS;
  const circuits = Array.from({length: slots}, () => '/p2p-circuit');
  return webrtc && slots > 0 ? [...circuits, '/webrtc'] : circuits;
}

/** Without this, libp2p prunes the newest connection first, before its peer could say what it wants. */
function spareFreshPeers(node: QuiverNode, graceMs: number): void {
  node.addEventListener('peer:connect', ({detail: peer}) => {
    node.peerStore.merge(peer, {tags: {'quiver-fresh': {value: GRACE_TAG_VALUE, ttl: graceMs}}}).catch(() => undefined); // gone again, or the node is stopping
  });
}
