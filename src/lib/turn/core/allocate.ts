import {ERROR_CODE, writeErrorCode} from '../../stun/error-code.ts';
import {ATTRIBUTE, CLASS} from '../../stun/types.ts';
import {writeXorAddress} from '../../stun/xor-address.ts';
import {readAllocateRequest, readLifetimeMs} from './allocate-request.ts';
import type {AllocateWish} from './allocate-request.ts';
import type {Allocations} from './allocations.ts';
import {bandwidthBucket} from './bandwidth.ts';
import type {RefusalReason, TurnCounters} from './counters.ts';
import {openRelays} from './open-relays.ts';
import type {OpenedRelays} from './open-relays.ts';
import type {Admission, ClientPath, TurnIo} from './io.ts';
import type {CoreLimits} from './options.ts';
import type {TurnRequest} from './request.ts';
import {SharedLease} from './shared-lease.ts';

/** An Allocate that waits for admission and its socket. */
interface Opening {
  readonly request: TurnRequest;
  readonly wish: AllocateWish;
  readonly lifetimeMs: number;
  /** Its path is gone. */
  abandoned: boolean;
}

interface Lifetimes {
  lifetimeMs: number;
  maxLifetimeMs: number;
}

export class AllocateRequests {
  draining = false;
  readonly #openings = new Map<ClientPath, Opening>();
  readonly #running = new Set<Promise<void>>();
  readonly #allocations: Allocations;
  readonly #io: TurnIo;
  readonly #admission: Admission;
  readonly #limits: CoreLimits;
  readonly #lifetimes: Lifetimes;
  readonly #counters: TurnCounters;
  /** The newest time that came in: when a socket is open, the time of its request is past. */
  readonly #now: () => number;

  constructor(parts: {
    allocations: Allocations;
    io: TurnIo;
    admission: Admission;
    limits: CoreLimits;
    lifetimes: Lifetimes;
    counters: TurnCounters;
    now: () => number;
  }) {
    this.#allocations = parts.allocations;
    this.#io = parts.io;
    this.#admission = parts.admission;
    this.#limits = parts.limits;
    this.#lifetimes = parts.lifetimes;
    this.#counters = parts.counters;
    this.#now = parts.now;
  }

  get opening(): number {
    return this.#openings.size;
  }

  /** RFC 8656 section 7.2; the steps are those of the RFC. */
  allocate(request: TurnRequest): void {
    const {path, message, responder} = request;
    // Step 2: one allocation for a 5-tuple. The request that made it may be sent again, and is answered again.
    const opening = this.#openings.get(path);
    if (opening !== undefined) {
      if (!isRetransmission(request, opening.request.responder.transactionId)) {
        responder.fail(ERROR_CODE.allocationMismatch);
      }
      return;
    }
    const allocation = this.#allocations.live(path, request.nowMs);
    if (allocation !== undefined) {
      const again = isRetransmission(request, allocation.transactionId) ? allocation.reply : undefined;
      if (again === undefined) responder.fail(ERROR_CODE.allocationMismatch);
      else path.send(again);
      return;
    }
    // Steps 3 to 8.
    const wish = readAllocateRequest(message);
    if (typeof wish === 'number') {
      if (wish === ERROR_CODE.unsupportedTransport) this.#counters.allocationsRefused.transport += 1;
      responder.fail(wish);
      return;
    }
    const lifetimeMs = readLifetimeMs(message, this.#lifetimes.lifetimeMs, this.#lifetimes.maxLifetimeMs);
    if (lifetimeMs === undefined) {
      responder.fail(ERROR_CODE.badRequest);
      return;
    }
    if (this.draining || this.#openings.size >= this.#limits.openings) {
      this.#refuse(request, this.draining ? 'draining' : 'capacity', ERROR_CODE.insufficientCapacity);
      return;
    }
    this.#start({request, wish, lifetimeMs, abandoned: false});
  }

  /** The path is gone: what is opened for it is closed at once. */
  abandon(path: ClientPath): void {
    const opening = this.#openings.get(path);
    if (opening === undefined) return;
    opening.abandoned = true;
    this.#openings.delete(path);
    path.hold(false);
  }

  /** Resolves when nothing is being opened any more. */
  async close(): Promise<void> {
    this.draining = true;
    for (const path of this.#openings.keys()) this.abandon(path);
    await Promise.all(this.#running);
  }

  #start(opening: Opening): void {
    const {path} = opening.request;
    this.#openings.set(path, opening);
    path.hold(true);
    const running = this.#open(opening)
      .catch(() => this.#giveUp(opening, 'capacity', ERROR_CODE.insufficientCapacity))
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  /** Steps 9 and on: quota, then sockets. */
  async #open(opening: Opening): Promise<void> {
    const {identity} = opening.request;
    const admitted = await this.#admission.admit(identity.user);
    if (typeof admitted === 'string') {
      const code = admitted === 'total-quota' ? ERROR_CODE.insufficientCapacity : ERROR_CODE.allocationQuotaReached;
      this.#giveUp(opening, admitted, code);
      return;
    }
    const lease = new SharedLease(admitted);
    // Held until the sockets hold it, so that no way out of here keeps it.
    lease.hold();
    try {
      if (opening.abandoned) return;
      const opened = await this.#relays(opening, lease);
      if (typeof opened === 'number') {
        this.#giveUp(opening, opened === ERROR_CODE.addressFamilyNotSupported ? 'address-family' : 'no-port', opened);
      } else if (opening.abandoned || (opened.reserved.length > 0 && this.#allocations.reservations.full)) {
        for (const socket of [...opened.sockets, ...opened.reserved]) this.#allocations.close(socket, lease);
        this.#giveUp(opening, 'capacity', ERROR_CODE.insufficientCapacity);
      } else {
        this.#finish(opening, opened, lease);
      }
    } finally {
      lease.drop();
    }
  }

  /** Sockets, each holding the lease, or the code of the error. */
  async #relays({request, wish}: Opening, lease: SharedLease): Promise<OpenedRelays | number> {
    const {reservations} = this.#allocations;
    if (wish.token !== undefined) {
      const reservation = reservations.take(wish.token, request.identity.user, this.#now());
      if (reservation === undefined) return ERROR_CODE.insufficientCapacity;
      lease.hold();
      reservation.lease.drop();
      return {sockets: [reservation.socket], reserved: [], errors: []};
    }
    return openRelays(this.#io, wish, lease);
  }

  #finish(opening: Opening, opened: OpenedRelays, lease: SharedLease): void {
    const {request, lifetimeMs} = opening;
    const {path, identity, responder} = request;
    this.#openings.delete(path);
    const now = this.#now();
    const allocation = this.#allocations.create(
      {
        path,
        identity,
        transactionId: responder.transactionId,
        lease,
        traffic: this.#counters.traffic[path.transport],
        bandwidth: bandwidthBucket(this.#limits.bytesPerSecondPerAllocation, now),
      },
      opened.sockets,
      now + lifetimeMs,
    );
    const reply = responder.begin(CLASS.success);
    for (const {relayed} of opened.sockets) {
      reply.add(ATTRIBUTE.xorRelayedAddress, writeXorAddress(relayed, responder.transactionId));
    }
    for (const {family, code} of opened.errors) {
      const value = writeErrorCode(code);
      value[0] = family === 4 ? 1 : 2;
      reply.add(ATTRIBUTE.addressErrorCode, value);
    }
    reply.addUint32(ATTRIBUTE.lifetime, lifetimeMs / 1000);
    for (const socket of opened.reserved) {
      const token = this.#allocations.reservations.add(socket, lease, identity.user, now);
      reply.add(ATTRIBUTE.reservationToken, token);
    }
    reply.add(ATTRIBUTE.xorMappedAddress, writeXorAddress(path.remote, responder.transactionId));
    allocation.reply = Uint8Array.from(responder.send(reply));
  }

  #giveUp(opening: Opening, reason: RefusalReason, code: number): void {
    if (opening.abandoned) return;
    const {request} = opening;
    this.#openings.delete(request.path);
    this.#refuse(request, reason, code);
    request.path.hold(false);
  }

  #refuse(request: TurnRequest, reason: RefusalReason, code: number): void {
    this.#counters.allocationsRefused[reason] += 1;
    request.responder.fail(code);
  }
}

const isRetransmission = (request: TurnRequest, transactionId: Uint8Array): boolean =>
  Buffer.compare(request.responder.transactionId, transactionId) === 0;
