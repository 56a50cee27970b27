import type {Connection} from '@libp2p/interface';
import {peerIdFromString} from '@libp2p/peer-id';

import {EXIT, QuiverError} from '../core/errors.ts';
import type {Route, RouteRequest} from '../service/service.ts';
import type {QuiverNode} from './node-options.ts';
import type {PeerAddress} from './peer-address.ts';
import {parsePeerAddress} from './peer-address.ts';
import {listPeers, transportOf} from './peer-list.ts';
import {pingConnection} from './ping.ts';

/** One ping, the dial included, in ms. */
const PING_TIMEOUT_MS = 10_000;

const MAX_PINGS = 20;

/** What `POST /network/ping` answers. */
export interface PingReply {
  peerId: string;
  address: string;
  /** Round trips in ms, in the order they were made. */
  roundTripsMs: number[];
}

export function nodeRoutes(node: () => QuiverNode): Route[] {
  return [
    {
      method: 'GET',
      path: '/network/peers',
      access: 'control',
      handle: async () => ({json: {self: node().peerId.toString(), peers: await listPeers(node())}}),
    },
    {method: 'GET', path: '/dht/stats', access: 'admin', handle: () => ({json: dhtStats(node())})},
    {
      method: 'POST',
      path: '/network/ping',
      access: 'control',
      handle: async (request) => ({json: await pingPeer(node(), request)}),
    },
  ];
}

/** State of the DHT, the gossip and the connections of a node; no peer's address, since it may be shown to anyone. */
export function dhtStats(node: QuiverNode) {
  const {dht, pubsub, rejoin} = node.services;
  const connections = node.getConnections();
  const named = rejoin.peers();
  return {
    peerId: node.peerId.toString(),
    mode: dht.getMode(),
    routingTableSize: routingTableSize(dht),
    peers: node.getPeers().length,
    connections: {
      inbound: connections.filter(({direction}) => direction === 'inbound').length,
      outbound: connections.filter(({direction}) => direction === 'outbound').length,
      limited: connections.filter(({limits}) => limits !== undefined).length,
      transports: [...Map.groupBy(connections, transportOf)].map(([transport, of]) => ({transport, count: of.length})),
    },
    bootstraps: {named: named.length, connected: named.filter(({connected}) => connected).length},
    topics: pubsub.getTopics().map((topic) => ({topic, subscribers: pubsub.getSubscribers(topic).length})),
  };
}

/** Peers in the routing table. The package leaves the table out of its types, so its shape is checked here. */
export function routingTableSize(dht: object): number {
  const table: unknown = 'routingTable' in dht ? dht.routingTable : undefined;
  const size: unknown = typeof table === 'object' && table !== null && 'size' in table ? table.size : undefined;
  return typeof size === 'number' ? size : 0;
}

async function pingPeer(node: QuiverNode, {body, signal}: RouteRequest): Promise<PingReply> {
  const {peer, count} = readPing(body);
  const target = parsePeerAddress(peer);
  const roundTripsMs: number[] = [];
  try {
    const connection = await connect(node, target, within(signal));
    for (let i = 0; i < count; i += 1) roundTripsMs.push(await pingConnection(connection, within(signal)));
    return {peerId: connection.remotePeer.toString(), address: connection.remoteAddr.toString(), roundTripsMs};
  } catch (cause) {
    throw new QuiverError({
      code: 'PEER_UNREACHABLE',
      message: `${peer} did not answer: ${cause instanceof Error ? cause.message : String(cause)}`,
      fix: 'Check the address; quiver network peers lists who is connected',
      cause,
    });
  }
}

/** An open connection to the peer, the best there is; by dialling when there is none, or when an address was named. */
async function connect(
  node: QuiverNode,
  {kind, peerId, address}: PeerAddress,
  signal: AbortSignal,
): Promise<Connection> {
  if (kind !== 'peer' || peerId === undefined) return node.dial(address, {signal});
  const id = peerIdFromString(peerId);
  const open = node.getConnections(id).filter(({status}) => status === 'open');
  return open.find(({limits}) => limits === undefined) ?? open[0] ?? node.dial(id, {signal});
}

function readPing(body: unknown): {peer: string; count: number} {
  const peer: unknown = typeof body === 'object' && body !== null && 'peer' in body ? body.peer : undefined;
  const count: unknown = typeof body === 'object' && body !== null && 'count' in body ? body.count : 1;
  const valid = typeof count === 'number' && Number.isInteger(count) && count >= 1 && count <= MAX_PINGS;
  if (typeof peer === 'string' && valid) return {peer, count};
  throw new QuiverError({
    code: 'BAD_PING',
    message: `a ping needs a peer, and a count from 1 to ${MAX_PINGS}`,
    fix: 'quiver network ping <peer id or address> --count 4',
    exit: EXIT.usage,
  });
}

function within(signal: AbortSignal): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(PING_TIMEOUT_MS)]);
}
