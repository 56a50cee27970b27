import type {Rate} from '../core/token-bucket.ts';

export interface SignalLimits {
  /** Connections, sessions that wait for their peer to come back included. */
  connections: number;
  /** Of these, from one IPv4 address or IPv6 /64; a household or an office is behind one. */
  connectionsPerSource: number;
  rooms: number;
  peersPerRoom: number;
  roomsPerConnection: number;
  /** Messages of one peer: a second, and at once (an offer with all its candidates, to several peers). */
  messagesPerPeer: Rate;
  messagesPerSource: Rate;
  bytesPerSource: Rate;
  /** Each costs a signature check. */
  joinsPerSource: Rate;
  /** What one connection may have waiting for it. */
  waitingMessages: number;
  waitingBytes: number;
  /** All connections together. */
  waitingBytesTotal: number;
  /** How long a peer whose connection dropped keeps its place. */
  resumeMs: number;
  /** After the connection until the first join. */
  joinMs: number;
}

export const SIGNAL_LIMITS: SignalLimits = {
  connections: 4_096,
  connectionsPerSource: 64,
  rooms: 4_096,
  peersPerRoom: 64,
  roomsPerConnection: 16,
  messagesPerPeer: {perSecond: 20, burst: 200},
  messagesPerSource: {perSecond: 200, burst: 1_000},
  bytesPerSource: {perSecond: 256 * 1024, burst: 2 * 1024 * 1024},
  joinsPerSource: {perSecond: 10, burst: 100},
  waitingMessages: 256,
  waitingBytes: 256 * 1024,
  waitingBytesTotal: 64 * 1024 * 1024,
  resumeMs: 15_000,
  joinMs: 10_000,
};
