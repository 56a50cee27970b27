import type {Certificate} from '../../core/certificate-file.ts';
import type {TurnCoreOptions} from '../core/options.ts';
import type {TurnCounters} from '../core/counters.ts';
import type {TurnStats} from '../core/turn-core.ts';
import type {ClientTransport} from '../core/io.ts';
import type {EngineCounters, EngineName} from './engine.ts';
import type {RelayAddress} from './relay-ports.ts';
import type {StreamCounters, StreamLimits} from './stream/stream-options.ts';
import type {StunCoreOptions} from './stun-core.ts';

export interface ServerListen {
  /** IP addresses of this machine, or a wildcard; without brackets. */
  hosts: readonly string[];
  /** UDP and TCP; 0 takes a free one, the same for all hosts. */
  port: number;
  tcp: boolean;
  tls?: {port: number; certificate: Certificate};
  /**
   * UDP too, for RFC 5780: with two hosts of a family, and not wildcards, each is asked and answers on both ports.
   */
  alternatePort?: number;
  /** Addresses that others know the hosts by, in their order, for OTHER-ADDRESS and RESPONSE-ORIGIN behind a NAT. */
  publicAddresses?: readonly string[];
  /** Other workers listen on the same ports. */
  reusePort: boolean;
}

/** What one worker is: a whole server. Plain data, since it crosses to a thread. */
export interface ServerOptions {
  listen: ServerListen;
  core: {kind: 'turn'; options: TurnCoreOptions; relay: RelayRange} | {kind: 'stun'; options: StunCoreOptions};
  engine: EngineName;
  /** @default true */
  segmentation?: boolean;
  streams: StreamLimits;
  buffers: {listenerBytes: number; relayBytes: number};
}

export interface RelayRange {
  addresses: readonly RelayAddress[];
  /** First and last port. */
  ports: readonly [number, number];
}

export interface BoundAddress {
  transport: ClientTransport;
  address: string;
  port: number;
}

/** Everything that is counted in one worker; plain data. */
export interface ServerStats {
  engine: EngineName;
  core: TurnStats;
  counters: TurnCounters;
  udp: EngineCounters;
  streams: StreamCounters;
  /** Open TCP and TLS connections. */
  connections: number;
  /** Packets that another worker handed over, or got. */
  handedOver: number;
  /** Our own bugs, each caught and logged. */
  internalErrors: number;
}
