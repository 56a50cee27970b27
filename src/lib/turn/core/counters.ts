import type {ClientTransport} from './io.ts';

/** Datagrams relayed for clients of one transport; bytes are those of the payload. */
export interface Traffic {
  packetsToPeer: number;
  bytesToPeer: number;
  packetsToClient: number;
  bytesToClient: number;
  /** Over a bandwidth cap. */
  packetsCapped: number;
  /** No permission, no allocation, a denied port, or not a message of the protocol. */
  packetsDropped: number;
}

export type RefusalReason =
  | 'user-quota'
  | 'user-rate'
  | 'total-quota'
  | 'no-port'
  | 'address-family'
  | 'transport'
  | 'draining'
  | 'capacity';

const traffic = (): Traffic => ({
  packetsToPeer: 0,
  bytesToPeer: 0,
  packetsToClient: 0,
  bytesToClient: 0,
  packetsCapped: 0,
  packetsDropped: 0,
});

/** Plain numbers that only grow, since the core was made; the I/O side turns them into metrics and sums workers. */
export class TurnCounters {
  readonly traffic: Record<ClientTransport, Traffic> = {udp: traffic(), tcp: traffic(), tls: traffic()};
  allocationsCreated = 0;
  allocationsExpired = 0;
  readonly allocationsRefused: Record<RefusalReason, number> = {
    'user-quota': 0,
    'user-rate': 0,
    'total-quota': 0,
    'no-port': 0,
    'address-family': 0,
    transport: 0,
    draining: 0,
    capacity: 0,
  };
  /** 401 without credentials: the first step of every client. */
  challenges = 0;
  /** 401 for wrong, unknown or expired credentials. */
  authFailures = 0;
  /** 438 */
  staleNonces = 0;
  /** 403 for a peer, and Send indications to one. */
  peersForbidden = 0;
  bindingRequests = 0;
  /** Binding requests over the limit of their source. */
  bindingLimited = 0;
  /** Unauthenticated requests over the limit of their source. */
  challengesLimited = 0;
  /** Neither STUN nor ChannelData, or broken. */
  malformed = 0;
}
