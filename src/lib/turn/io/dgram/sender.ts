import type {Socket} from 'node:dgram';

import type {EngineCounters} from '../engine.ts';

/** Any datagram fits. */
const SLAB_BYTES = 65_536;
/** What waits longer than this behind a full kernel buffer is worth less than what comes after it. */
const QUEUE_LIMIT_BYTES = 128 * 1024;
/** One datagram in so many asks how it went, which costs a tenth of sending it. */
const SAMPLE_MASK = 15;

/**
 * Memory that datagrams are put together in, shared by all sockets of an engine. The kernel takes nearly every datagram
 * at once, and the same place serves the next; what it doesn't take stays queued by reference and is never written again.
 */
export class Slab {
  buffer = Buffer.allocUnsafeSlow(SLAB_BYTES);
  offset = 0;

  /** Makes sure that `offset` has so much room behind it. */
  reserve(bytes: number): void {
    if (SLAB_BYTES - this.offset >= bytes) return;
    this.buffer = Buffer.allocUnsafeSlow(SLAB_BYTES);
    this.offset = 0;
  }
}

/** Sends through one socket without waiting, with a bound on what the kernel hasn't taken yet. */
export class DgramSender {
  readonly #socket: Socket;
  readonly #slab: Slab;
  readonly #counters: EngineCounters;
  #sent = 0;
  /** Since one was refused, until one is taken, all are asked after: a broken route is counted in full. */
  #failing = false;
  #queued = false;
  #closed = false;

  constructor(socket: Socket, slab: Slab, counters: EngineCounters) {
    this.#socket = socket;
    this.#slab = slab;
    this.#counters = counters;
  }

  send(address: string, port: number, first: Uint8Array, second?: Uint8Array): void {
    if (this.#closed) return;
    const length = first.length + (second?.length ?? 0);
    if (length > SLAB_BYTES || (this.#queued && this.#socket.getSendQueueSize() > QUEUE_LIMIT_BYTES)) {
      this.#counters.sendDropped += 1;
      return;
    }
    const slab = this.#slab;
    slab.reserve(length);
    const {buffer, offset} = slab;
    buffer.set(first, offset);
    if (second !== undefined) buffer.set(second, offset + first.length);
    this.#sent = (this.#sent + 1) & SAMPLE_MASK;
    try {
      if (this.#failing || this.#sent === 1) this.#socket.send(buffer, offset, length, port, address, this.#onSent);
      else this.#socket.send(buffer, offset, length, port, address);
      this.#queued = this.#socket.getSendQueueCount() > 0;
    } catch {
      // Port 0 is refused by Node itself.
      this.#counters.sendErrors += 1;
    }
    if (this.#queued) slab.offset += length;
  }

  close(): void {
    this.#closed = true;
  }

  readonly #onSent = (error: Error | null): void => {
    this.#failing = error !== null && !this.#closed;
    if (this.#failing) this.#counters.sendErrors += 1;
  };
}
