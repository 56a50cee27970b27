import type {ClientPath} from '../../core/io.ts';

export interface StreamLimits {
  /** Open connections of this listener's worker. */
  connections: number;
  /** Of one IPv4 address or IPv6 /64. */
  connectionsPerSource: number;
  /** New ones of such a source: a TLS handshake takes a thousand times what a packet does. */
  acceptsPerSecond: number;
  acceptBurst: number;
  /** For the TLS handshake, and for the first whole message after it. */
  firstMessageMs: number;
  /** Without an allocation, since the last whole message. */
  idleMs: number;
  /** Data that a client hasn't taken yet; past it data is dropped. */
  writeBufferBytes: number;
}

export const STREAM_LIMITS: StreamLimits = {
  connections: 4_096,
  // Many users may share an address; one host that opens them all leaves room for others.
  connectionsPerSource: 128,
  acceptsPerSecond: 20,
  acceptBurst: 200,
  firstMessageMs: 10_000,
  idleMs: 30_000,
  writeBufferBytes: 256 * 1024,
};

export interface StreamEvents {
  /** One whole STUN message or ChannelData. Never throws: who hands it in guards it. */
  readonly fromClient: (path: ClientPath, bytes: Uint8Array, nowMs: number) => void;
  readonly closed: (path: ClientPath) => void;
}

/** Plain counters that only grow, shared by all listeners of a worker. */
export interface StreamCounters {
  accepted: number;
  /** Over a limit. */
  refused: number;
  handshakesFailed: number;
  /** Closed because no whole message came in time. */
  overdue: number;
  /** Frames dropped because a client doesn't read. */
  sendDropped: number;
}
