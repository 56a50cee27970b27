import type {Endpoint} from '../../stun/endpoint.ts';
import {ERROR_CODE} from '../../stun/error-code.ts';
import {decodeMessage} from '../../stun/message.ts';
import type {StunMessage} from '../../stun/message.ts';
import {SendIndication} from '../../stun/relay-frames.ts';
import {CLASS, METHOD} from '../../stun/types.ts';
import {AllocateRequests} from './allocate.ts';
import type {Relay} from './allocation.ts';
import {Allocations} from './allocations.ts';
import {Authenticator} from './authenticator.ts';
import {bandwidthBucket} from './bandwidth.ts';
import {Bindings} from './bindings.ts';
import {TurnCounters} from './counters.ts';
import {DataPath} from './data-path.ts';
import type {Admission, ClientPath, RelaySocket, TurnIo} from './io.ts';
import {CORE_LIMITS, LIFETIME_MS, MAX_LIFETIME_MS} from './options.ts';
import type {TurnCoreOptions} from './options.ts';
import {PeerRules} from './peer-rules.ts';
import {PeerRequests} from './peers.ts';
import {RefreshRequests} from './refresh.ts';
import {TurnRequest} from './request.ts';

export interface TurnStats {
  /** Live ones. */
  allocations: number;
  /** Waiting for admission or a socket. */
  opening: number;
  /** Ports kept for a second Allocate. */
  reservations: number;
  /** Sockets on their way to be closed. */
  closing: number;
}

/**
 * A TURN and STUN server (RFC 8656, RFC 8489; clients of RFC 5766 and 5389 too) without sockets or timers: bytes and
 * time come in through its methods, bytes go out through paths and relay sockets. No method throws, whatever the bytes.
 *
 * `nowMs` is monotonic, with an origin that all workers share if they share limiters; call `tick` about once a second.
 */
export class TurnCore {
  readonly counters = new TurnCounters();
  readonly #allocations: Allocations;
  readonly #authenticator: Authenticator;
  readonly #allocate: AllocateRequests;
  readonly #peers: PeerRequests;
  readonly #data: DataPath;
  readonly #bindings: Bindings;
  readonly #refresh: RefreshRequests;
  #nowMs = 0;

  constructor(options: TurnCoreOptions, io: TurnIo, admission: Admission) {
    const limits = {...CORE_LIMITS, ...options.limits};
    const {counters} = this;
    const {lifetimeMs = LIFETIME_MS, maxLifetimeMs = MAX_LIFETIME_MS} = options;
    const lifetimes = {lifetimeMs, maxLifetimeMs: Math.max(lifetimeMs, maxLifetimeMs)};
    this.#data = new DataPath(io, bandwidthBucket(limits.bytesPerSecond, this.#nowMs));
    const memory = options.limiters === undefined ? {} : {memory: options.limiters.bindings};
    this.#bindings = new Bindings(
      {perSecond: limits.bindingsPerSecond, burst: limits.bindingBurst, ...memory},
      counters,
    );
    this.#authenticator = new Authenticator(options, limits, counters);
    const rules = new PeerRules(options.peers, (address) => io.isOwn(address));
    this.#peers = new PeerRequests(io, rules, limits, counters);
    this.#allocations = new Allocations(counters, limits.reservations);
    this.#refresh = new RefreshRequests(this.#allocations, lifetimes);
    this.#allocate = new AllocateRequests({
      allocations: this.#allocations,
      io,
      admission,
      limits,
      lifetimes,
      counters,
      now: () => this.#nowMs,
    });
  }

  /** One datagram, or one message or ChannelData of a stream, from a client. */
  fromClient(path: ClientPath, bytes: Uint8Array, nowMs: number): void {
    this.#nowMs = nowMs;
    // RFC 8656 section 12: the two highest bits tell ChannelData, 01, from STUN, 00.
    const isChannelData = (bytes[0] ?? 0xff) >= 0x40;
    if (isChannelData || (bytes.length > 1 && SendIndication.is(bytes))) {
      const allocation = this.#allocations.get(path);
      // Without an allocation no data is relayed, and nothing is said about it.
      if (allocation === undefined) {
        this.counters.traffic[path.transport].packetsDropped += 1;
        return;
      }
      const read = isChannelData
        ? this.#data.fromChannel(allocation, bytes, nowMs)
        : this.#data.fromSend(allocation, bytes, nowMs);
      if (!read) this.counters.malformed += 1;
      return;
    }
    const message = decodeMessage(bytes);
    if (message === undefined) this.counters.malformed += 1;
    else if (message.class === CLASS.request) this.#request(path, message, nowMs);
  }

  /** One datagram that came to a relay socket. */
  fromPeer(socket: RelaySocket, peer: Endpoint, bytes: Uint8Array, nowMs: number): void {
    this.#nowMs = nowMs;
    // A reserved port and one that is being closed have no owner.
    if (socket.owner !== undefined) this.#data.fromPeer(socket.owner as Relay, peer, bytes, nowMs);
  }

  /** A stream ended: its allocation ends with it (RFC 8656 section 3.2). Also for a UDP path that I/O gives up. */
  pathClosed(path: ClientPath): void {
    this.#allocate.abandon(path);
    const allocation = this.#allocations.get(path);
    if (allocation !== undefined) this.#allocations.end(allocation);
  }

  tick(nowMs: number): void {
    this.#nowMs = nowMs;
    this.#allocations.tick(nowMs);
  }

  /** Secrets of time-limited credentials from now on; live allocations keep their keys. */
  setSecrets(secrets: readonly string[]): void {
    this.#authenticator.setSecrets(secrets);
  }

  /** From now on new Allocates are refused with 508; what is there goes on. */
  drain(): void {
    this.#allocate.draining = true;
  }

  /** Ends everything; resolves when all relay sockets are closed. */
  async close(): Promise<void> {
    await this.#allocate.close();
    await this.#allocations.closeAll();
  }

  stats(): TurnStats {
    const {size, closing, reservations} = this.#allocations;
    return {allocations: size, opening: this.#allocate.opening, reservations: reservations.size, closing};
  }

  #request(path: ClientPath, message: StunMessage, nowMs: number): void {
    switch (message.method) {
      case METHOD.binding:
        this.#bindings.answer(path, message, nowMs);
        return;
      case METHOD.allocate:
      case METHOD.refresh:
      case METHOD.createPermission:
      case METHOD.channelBind:
        this.#turn(path, message, nowMs);
        return;
      default:
        // RFC 8489 section 6.3: a method that isn't served is passed over in silence.
        this.counters.malformed += 1;
    }
  }

  #turn(path: ClientPath, message: StunMessage, nowMs: number): void {
    const allocation = this.#allocations.live(path, nowMs);
    const identity = this.#authenticator.authenticate(path, message, allocation, nowMs);
    if (identity === undefined) return;
    const request = new TurnRequest(path, message, identity, nowMs);
    // RFC 8489 section 6.3.1, after authentication.
    if (message.unknownRequired.length > 0) request.responder.failUnknown(message.unknownRequired);
    else if (message.method === METHOD.allocate) this.#allocate.allocate(request);
    else if (message.method === METHOD.refresh) this.#refresh.refresh(request, allocation);
    else if (allocation === undefined) request.responder.fail(ERROR_CODE.allocationMismatch);
    else if (message.method === METHOD.createPermission) this.#peers.createPermission(request, allocation);
    else this.#peers.channelBind(request, allocation);
  }
}
