import {randomBytes} from 'node:crypto';

import type {RelaySocket} from './io.ts';
import type {SharedLease} from './shared-lease.ts';

/** RFC 8656 section 7.2: at least 30 seconds. */
const RESERVATION_MS = 30_000;
/** RFC 8656 section 18.10 */
const TOKEN_BYTES = 8;

export interface Reservation {
  readonly socket: RelaySocket;
  readonly lease: SharedLease;
  readonly user: string;
  readonly expiresAt: number;
}

/** Neighbouring ports kept for the next Allocate of the same user (EVEN-PORT with R, RESERVATION-TOKEN). */
export class Reservations {
  readonly #limit: number;
  readonly #byToken = new Map<string, Reservation>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#byToken.size;
  }

  get full(): boolean {
    return this.#byToken.size >= this.#limit;
  }

  /** The token, which nobody can guess. */
  add(socket: RelaySocket, lease: SharedLease, user: string, nowMs: number): Buffer {
    const token = randomBytes(TOKEN_BYTES);
    this.#byToken.set(token.toString('hex'), {socket, lease, user, expiresAt: nowMs + RESERVATION_MS});
    return token;
  }

  /** Gives a reservation away, once; another user's token is as good as none. */
  take(token: Uint8Array, user: string, nowMs: number): Reservation | undefined {
    const key = Buffer.from(token).toString('hex');
    const found = this.#byToken.get(key);
    if (found === undefined || found.user !== user || found.expiresAt <= nowMs) return undefined;
    this.#byToken.delete(key);
    return found;
  }

  /** Takes out what is over at this time. */
  expired(nowMs: number): Reservation[] {
    const over: Reservation[] = [];
    for (const [key, reservation] of this.#byToken) {
      if (reservation.expiresAt > nowMs) continue;
      this.#byToken.delete(key);
      over.push(reservation);
    }
    return over;
  }
}
