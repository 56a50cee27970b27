import type {Endpoint} from '../../stun/endpoint.ts';
import type {Alternates, ClientPath, RelaySocket} from '../core/io.ts';
import type {EndpointCache} from './endpoint-cache.ts';

/** A `ClientPath` over one UDP listener. The listener gives the same one for a remote while it is held. */
export interface UdpPath extends ClientPath {
  readonly transport: 'udp';
  /** What `hold` was last called with. */
  readonly held: boolean;
}

export interface UdpListener {
  /** Where it is bound, with the port that was given. */
  readonly local: Endpoint;
  /** Set from outside once all listeners are bound; what `alternates` of its paths gives. */
  alternates: Alternates | undefined;
  /**
   * The path of a remote as if a datagram had come from it: for one that another worker handed over, and for answers
   * from another socket than the one that was asked (RFC 5780).
   */
  path(remote: Endpoint): UdpPath;
  /** Resolves when the descriptor is closed. */
  close(): Promise<void>;
}

export interface BindOptions {
  family: 4 | 6;
  /** Without brackets, with a zone where one is needed. An IPv6 socket is never dual-stack (IPV6_V6ONLY). */
  address: string;
  port: number;
}

export interface ListenOptions extends BindOptions {
  /** SO_REUSEPORT: several workers listen on the same address, the kernel spreads remotes over them. */
  reusePort: boolean;
}

export interface RelayOptions extends BindOptions {
  /** The address that clients are told, when it isn't `address` (NAT 1:1); the port is always that of the socket. */
  announced?: string;
}

/** Called for each datagram, also for an empty one. They never throw: whoever hands them in guards them. */
export interface EngineEvents {
  /** `bytes` belong to the engine again once it returns. `nowMs` may be read once for a whole batch. */
  readonly fromClient: (path: UdpPath, bytes: Uint8Array, nowMs: number) => void;
  readonly fromPeer: (socket: RelaySocket, peer: Endpoint, bytes: Uint8Array, nowMs: number) => void;
  /** The core has called `hold` with something new. */
  readonly heldChanged: (path: UdpPath) => void;
}

export interface EngineOptions {
  events: EngineEvents;
  /** One for each worker; bounded. */
  endpoints: EndpointCache;
  /** The clock of the core: monotonic, in ms. */
  now: () => number;
  /** SO_RCVBUF and SO_SNDBUF of a listener and of a relay socket; the kernel may give less. */
  buffers: {listenerBytes: number; relayBytes: number};
  /** Where an engine that can't do all it is able to says so in one line. */
  log: (level: 'info' | 'warn', message: string) => void;
}

/** Plain counters that only grow; read at each scrape. */
export interface EngineCounters {
  /** Datagrams that the kernel refused to take: no route, no buffers, too long, not permitted. */
  sendErrors: number;
  /** Datagrams dropped because a socket's queue was longer than its bound. */
  sendDropped: number;
  /** Errors that came out of a socket while reading, ICMP among them. */
  receiveErrors: number;
}

/**
 * The UDP sockets of one worker: those that clients talk to, and those of allocations. TCP, TLS, timers and messages
 * of other threads are served by the same event loop, so an engine must never keep it busy for longer than a batch
 * takes (about 1 ms), and what is sent outside of its own callbacks must go out soon too.
 */
export interface UdpEngine {
  readonly name: 'dgram' | 'batch';
  readonly counters: EngineCounters;
  /** Rejects with the error of the system (`code`: EADDRINUSE, EACCES, EADDRNOTAVAIL…). */
  listen(options: ListenOptions): Promise<UdpListener>;
  /** Binds exactly this port, never shared; rejects with the error of the system. Who calls chooses the next port. */
  bindRelay(options: RelayOptions): Promise<RelaySocket>;
  /** Closes every socket that is still open; resolves when all descriptors are. */
  close(): Promise<void>;
}

/** What makes an engine; one that can't run here rejects, and `dgram` takes its place. */
export type CreateEngine = (options: EngineOptions) => Promise<UdpEngine>;
