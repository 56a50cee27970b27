import type {Lease, RelaySocket} from './io.ts';

/**
 * One admission, given back when the last socket that was opened for it is closed: those of the allocation, and the
 * reserved one of EVEN-PORT. So nobody gets past a quota by letting go of allocations faster than ports come free.
 */
export class SharedLease {
  readonly #lease: Lease;
  #holders = 0;

  constructor(lease: Lease) {
    this.#lease = lease;
  }

  hold(): void {
    this.#holders += 1;
  }

  /** Another holder closes the socket. */
  drop(): void {
    this.#holders -= 1;
    if (this.#holders === 0) this.#lease.release();
  }

  /** Closes a socket that this lease holds. Never rejects: nobody could do more for a socket that fails to close. */
  async close(socket: RelaySocket): Promise<void> {
    socket.owner = undefined;
    await Promise.allSettled([socket.close()]);
    this.drop();
  }
}
