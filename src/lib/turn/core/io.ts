import type {AnswerFrom, BindingOrigins} from '../../stun/binding-server.ts';
import type {Endpoint} from '../../stun/endpoint.ts';

export type ClientTransport = 'udp' | 'tcp' | 'tls';

/** The other three sockets of an RFC 5780 server, seen from the one that a request came to. */
export interface Alternates {
  readonly origins: BindingOrigins;
  /** A remote over another one of the four sockets. */
  path(from: AnswerFrom, remote: Endpoint): ClientPath;
}

/**
 * How one client is reached: a UDP source on one listening socket, or one TCP or TLS connection. With the listener's
 * own address it is the 5-tuple of RFC 8656, so that an allocation is found by the identity of this object: the same
 * one is given for every packet of a 5-tuple for as long as `hold` says.
 */
export interface ClientPath {
  readonly transport: ClientTransport;
  readonly local: Endpoint;
  readonly remote: Endpoint;
  /** Where a Binding request may be answered from elsewhere: UDP, on a server with two addresses and two ports. */
  readonly alternates?: Alternates | undefined;
  /**
   * Sends one STUN message or ChannelData, given in one or two parts so that a header needs no copy; pads on streams
   * (RFC 8656 section 12.5). Never throws and never waits: what can't be sent is dropped and counted.
   * The bytes may be used again once it returns.
   */
  send(first: Uint8Array, second?: Uint8Array): void;
  /** Keeps this path and a stream's connection alive for an allocation; false lets them go (and a stream be closed). */
  hold(held: boolean): void;
}

/** A bound UDP socket on a relay address. */
export interface RelaySocket {
  /** What clients are told in XOR-RELAYED-ADDRESS. */
  readonly relayed: Endpoint;
  /** Set by the core; given back with each datagram. */
  owner: unknown;
  /** Never throws and never waits. The bytes may be used again once it returns. */
  send(peer: Endpoint, bytes: Uint8Array): void;
  /** Resolves when the descriptor is closed; only then are port and quota free again. */
  close(): Promise<void>;
}

export interface RelayRequest {
  family: 4 | 6;
  /** An even port (EVEN-PORT). */
  even: boolean;
  /** With `even`: the next port too, for a reservation. */
  pair: boolean;
}

/** What the protocol core asks of the world. Time and bytes come in through the core's own methods. */
export interface TurnIo {
  /**
   * One socket, or two on neighbouring ports where a pair was asked for.
   * Rejects with a `RelayError`: 440 when the family isn't offered, 508 when no port is free.
   */
  openRelay(request: RelayRequest): Promise<readonly [RelaySocket] | readonly [RelaySocket, RelaySocket]>;
  /** The canonical endpoint for an address on the wire, e.g. of XOR-PEER-ADDRESS; from a bounded cache. The bytes are reused. */
  endpoint(bytes: Uint8Array, port: number): Endpoint;
  /** Whether this machine has the address now. Asked for each peer that a client names, not for each packet. */
  isOwn(address: Uint8Array): boolean;
}

export class RelayError extends Error {
  readonly code: 440 | 508;

  constructor(code: 440 | 508, message: string) {
    super(message);
    this.name = 'RelayError';
    this.code = code;
  }
}

/** Leave for one allocation, given back when its relay socket is closed. */
export interface Lease {
  release(): void;
}

export type Refusal = 'user-quota' | 'total-quota' | 'user-rate';

/** Counts allocations over all workers of one server: at most so many in all, for a user, and for a user a minute. */
export interface Admission {
  admit(user: string): Promise<Lease | Refusal>;
}
