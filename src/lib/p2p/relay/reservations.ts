import type {PeerId} from '@libp2p/interface';
import type {Multiaddr} from '@multiformats/multiaddr';

import {subnetOf} from '../admission.ts';

export interface ReservationLimits {
  maxReservations: number;
  /** Reservations of peers in one IPv4 /24 or IPv6 /56. */
  maxReservationsPerSubnet: number;
  /** How long a slot is held without being asked for again, in ms. */
  reservationTtlMs: number;
}

interface Reservation {
  subnet: string | undefined;
  /** On the monotonic clock, so that a corrected wall clock frees no slot and keeps none. */
  expiresAtMs: number;
}

export type ReservationRefusal = 'full' | 'subnet_full';

/** Who holds a slot on a relay. A slot is freed the moment its holder is gone, and at the latest when it expires. */
export class Reservations {
  readonly #limits: ReservationLimits;
  readonly #held = new Map<string, Reservation>();

  constructor(limits: ReservationLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#held.size;
  }

  has(peer: PeerId, nowMs = performance.now()): boolean {
    const held = this.#held.get(peer.toString());
    return held !== undefined && held.expiresAtMs > nowMs;
  }

  /** Takes or renews the slot of `peer`; undefined when it was granted. */
  reserve(peer: PeerId, address: Multiaddr, nowMs = performance.now()): ReservationRefusal | undefined {
    const key = peer.toString();
    const subnet = subnetOf(address);
    if (!this.has(peer, nowMs)) {
      if (this.#held.size >= this.#limits.maxReservations) this.#dropExpired(nowMs);
      if (this.#held.size >= this.#limits.maxReservations) return 'full';
      if (subnet !== undefined && this.#inSubnet(subnet) >= this.#limits.maxReservationsPerSubnet) return 'subnet_full';
    }
    this.#held.set(key, {subnet, expiresAtMs: nowMs + this.#limits.reservationTtlMs});
    return undefined;
  }

  /** Whether there was a slot to free. */
  release(peer: PeerId): boolean {
    return this.#held.delete(peer.toString());
  }

  clear(): void {
    this.#held.clear();
  }

  #inSubnet(subnet: string): number {
    return [...this.#held.values()].filter((held) => held.subnet === subnet).length;
  }

  #dropExpired(nowMs: number): void {
    for (const [key, held] of this.#held) if (held.expiresAtMs <= nowMs) this.#held.delete(key);
  }
}
