import type {Connection} from '@libp2p/interface';

import {isRelayed} from './admission.ts';
import type {QuiverNode} from './node-options.ts';

/** One open connection, as `network peers` shows it. */
export interface PeerInfo {
  peerId: string;
  address: string;
  direction: 'inbound' | 'outbound';
  transport: string;
  /** Protocol id, or `native` where the transport encrypts by itself. */
  encryption: string;
  /** Round trip, in ms; missing until the first measurement. */
  latencyMs?: number;
  /** What the peer says it is. */
  agent?: string;
  /** Roles that a quiver node names in its agent. */
  roles: string[];
  /** ISO 8601. */
  since: string;
  /** Through a relay, with a limit on time and data. */
  limited: boolean;
}

/** A stranger's own description of itself is cut to this many characters. */
const AGENT_LENGTH = 128;

/** All open connections, the oldest first. */
export async function listPeers(node: QuiverNode): Promise<PeerInfo[]> {
  const connections = node.getConnections().toSorted((a, b) => a.timeline.open - b.timeline.open);
  return Promise.all(connections.map(async (connection) => describe(connection, await agentOf(node, connection))));
}

function describe(connection: Connection, agent: string | undefined): PeerInfo {
  return {
    peerId: connection.remotePeer.toString(),
    address: connection.remoteAddr.toString(),
    direction: connection.direction,
    transport: transportOf(connection),
    encryption: connection.encryption ?? 'native',
    ...(connection.rtt === undefined ? {} : {latencyMs: Math.round(connection.rtt * 10) / 10}),
    ...(agent === undefined ? {} : {agent}),
    roles: rolesOf(agent),
    since: new Date(connection.timeline.open).toISOString(),
    limited: connection.limits !== undefined,
  };
}

/** `tcp`, `quic`, `ws`, `webrtc-direct`, `webrtc` or `relay`. */
export function transportOf({remoteAddr}: Connection): string {
  const names = new Set(remoteAddr.getComponents().map(({name}) => name));
  if (names.has('webrtc')) return 'webrtc';
  if (isRelayed(remoteAddr)) return 'relay';
  if (names.has('webrtc-direct')) return 'webrtc-direct';
  if (names.has('quic-v1')) return 'quic';
  if (names.has('ws') || names.has('wss')) return 'ws';
  return 'tcp';
}

async function agentOf(node: QuiverNode, {remotePeer}: Connection): Promise<string | undefined> {
  try {
    const {metadata} = await node.peerStore.get(remotePeer);
    const bytes = metadata.get('AgentVersion');
    // A control character of a stranger's must not reach a terminal.
    return (
      bytes &&
      new TextDecoder()
        .decode(bytes)
        .replaceAll(/[^\P{C}]/gu, '')
        .slice(0, AGENT_LENGTH)
    );
  } catch {
    return undefined; // not identified yet
  }
}

function rolesOf(agent: string | undefined): string[] {
  const listed = /^quiver\/\S+ \((?<roles>[a-z, ]+)\)$/.exec(agent ?? '')?.groups?.['roles'];
  return listed === undefined ? [] : listed.split(', ');
}
