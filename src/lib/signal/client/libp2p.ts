import type {Libp2p, Stream} from '@libp2p/interface';
import {peerIdFromString} from '@libp2p/peer-id';
import type {Multiaddr} from '@multiformats/multiaddr';
import {multiaddr} from '@multiformats/multiaddr';

import {QuiverError} from '../../core/errors.ts';
import type {SignalChannel} from '../../records/signal-message.ts';
import {Backlog} from '../backlog.ts';
import {LineStream} from '../line-stream.ts';
import {openChannel} from './channel.ts';
import {closedChannel, tooMuch, unreachable} from './errors.ts';
import {joinAll} from './join-all.ts';
import type {SignalServerAddress, Wire, WireEvents} from './wire.ts';

/** A few bootstraps are enough to meet at; more only cost connections. */
const SERVERS_LIMIT = 4;
/** Rooms that one process is in with one server at a time, and reconnects. */
const MAX_STREAMS = 64;
/** What may wait for one server to read it. */
const WAITING_BYTES = 1024 * 1024;

export interface NodeChannelOptions {
  node: Libp2p;
  /** Nodes that serve signalling, e.g. the bootstraps: multiaddrs that end in a peer id, or peer ids alone. */
  servers: readonly string[];
  room: string;
  /** `/quiver/<profile>/signal/1.0.0`. */
  protocol: string;
  /** Leaves the room when it aborts. */
  signal?: AbortSignal;
  /** For the first joining. @default 15 s */
  joinDeadlineMs?: number;
}

/**
 * Joins a room through libp2p at every server that can be reached, so that two peers need only one in common. Who we
 * are is what the connection proves. Resolves once one server has let us in.
 * Errors: those of `openChannel`.
 */
export function joinByNode(options: NodeChannelOptions): Promise<SignalChannel> {
  const {node, servers, room, protocol, signal, joinDeadlineMs} = options;
  const channels = servers.slice(0, SERVERS_LIMIT).map((text) => {
    const server: SignalServerAddress = {
      name: text,
      dial: (events, given) => dialNode(node, text, protocol, events, given),
    };
    return openChannel({
      room,
      self: node.peerId.toString(),
      servers: [server],
      ...(signal !== undefined && {signal}),
      ...(joinDeadlineMs !== undefined && {joinDeadlineMs}),
    });
  });
  return joinAll(channels);
}

async function dialNode(
  node: Libp2p,
  server: string,
  protocol: string,
  events: WireEvents,
  signal: AbortSignal,
): Promise<Wire> {
  const stream = await open(node, server, protocol, signal);
  const backlog = new Backlog({waitingBytes: WAITING_BYTES, waitingBytesTotal: WAITING_BYTES});
  const lines = new LineStream(stream, backlog.share(), {
    line: (text) => events.text(text),
    closed: () => events.closed(),
  });
  return {
    send: (text) => {
      if (stream.status !== 'open') return Promise.reject(closedChannel());
      return lines.send(text) ? Promise.resolve() : Promise.reject(tooMuch());
    },
    close: () => void lines.close(),
  };
}

async function open(node: Libp2p, server: string, protocol: string, signal: AbortSignal): Promise<Stream> {
  try {
    return await node.dialProtocol(targetOf(server), protocol, {
      signal,
      runOnLimitedConnection: true,
      maxOutboundStreams: MAX_STREAMS,
    });
  } catch (error) {
    if (error instanceof QuiverError) throw error;
    throw unreachable(server, error instanceof Error ? error.message : String(error), error);
  }
}

function targetOf(server: string): Multiaddr | ReturnType<typeof peerIdFromString> {
  return server.startsWith('/') ? multiaddr(server) : peerIdFromString(server);
}
