import {Allocation} from './allocation.ts';
import type {AllocationStart, Relay} from './allocation.ts';
import type {TurnCounters} from './counters.ts';
import type {ClientPath, RelaySocket} from './io.ts';
import {Reservations} from './reservations.ts';
import type {SharedLease} from './shared-lease.ts';

/** All allocations by 5-tuple, and their ends: whatever ends one, its sockets are closed and its path is let go. */
export class Allocations {
  readonly reservations: Reservations;
  readonly #byPath = new Map<ClientPath, Allocation>();
  readonly #closing = new Set<Promise<void>>();
  readonly #counters: TurnCounters;

  constructor(counters: TurnCounters, maxReservations: number) {
    this.#counters = counters;
    this.reservations = new Reservations(maxReservations);
  }

  get size(): number {
    return this.#byPath.size;
  }

  /** Sockets whose descriptors are not closed yet. */
  get closing(): number {
    return this.#closing.size;
  }

  /** The allocation of a path, for data: it may be past its end for as long as a tick. */
  get(path: ClientPath): Allocation | undefined {
    return this.#byPath.get(path);
  }

  /** The allocation of a path that isn't over at this time. */
  live(path: ClientPath, nowMs: number): Allocation | undefined {
    const allocation = this.#byPath.get(path);
    if (allocation !== undefined) this.#expire(allocation, nowMs);
    return this.#byPath.get(path);
  }

  create(start: AllocationStart, sockets: readonly RelaySocket[], expiresAt: number): Allocation {
    const allocation = new Allocation(start);
    for (const socket of sockets) allocation.addRelay(socket, expiresAt);
    this.#byPath.set(start.path, allocation);
    this.#counters.allocationsCreated += 1;
    return allocation;
  }

  /** Ends one relayed address, and the allocation with its last. */
  endRelay(relay: Relay): void {
    const {allocation} = relay;
    allocation.removeRelay(relay);
    this.close(relay.socket, allocation.lease);
    if (allocation.relay4 !== undefined || allocation.relay6 !== undefined) return;
    this.#byPath.delete(allocation.path);
    allocation.path.hold(false);
  }

  end(allocation: Allocation): void {
    if (allocation.relay4 !== undefined) this.endRelay(allocation.relay4);
    if (allocation.relay6 !== undefined) this.endRelay(allocation.relay6);
  }

  close(socket: RelaySocket, lease: SharedLease): void {
    const closing = lease.close(socket).finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }

  tick(nowMs: number): void {
    for (const allocation of this.#byPath.values()) {
      this.#expire(allocation, nowMs);
      allocation.sweep(nowMs);
    }
    for (const {socket, lease} of this.reservations.expired(nowMs)) this.close(socket, lease);
  }

  /** Ends everything; resolves when all descriptors are closed. */
  async closeAll(): Promise<void> {
    for (const allocation of this.#byPath.values()) this.end(allocation);
    for (const {socket, lease} of this.reservations.expired(Infinity)) this.close(socket, lease);
    await Promise.all(this.#closing);
  }

  #expire(allocation: Allocation, nowMs: number): void {
    for (const relay of [allocation.relay4, allocation.relay6]) {
      if (relay !== undefined && relay.expiresAt <= nowMs) this.endRelay(relay);
    }
    if (this.#byPath.get(allocation.path) !== allocation) this.#counters.allocationsExpired += 1;
  }
}
