import {QuiverError} from '../core/errors.ts';

/** What a stream asks of the connection it is part of. */
export interface StreamCarrier {
  data(id: number, bytes: Uint8Array): void;
  credit(id: number, bytes: number): void;
  finish(id: number): void;
  reset(id: number, reason: string): void;
  /** Resolves when more may be sent. */
  ready(): Promise<void> | undefined;
  /** Both directions have ended. */
  done(id: number): void;
}

/** What one side may send before the other has taken it out: 2 MiB are 160 Mbit/s at 100 ms. */
export const STREAM_WINDOW_BYTES = 2 * 1024 * 1024;
/** With headers and counts a message stays within what every implementation takes. */
export const CHUNK_BYTES = 60 * 1024;
const CREDIT_EVERY_BYTES = STREAM_WINDOW_BYTES / 4;

/**
 * One of many byte streams between two peers, ordered and reliable across changes of path. Reading frees room at the
 * sender: what nobody reads is never more than 2 MiB here.
 */
export class IceStream implements AsyncIterable<Buffer> {
  readonly id: number;
  /** What the peer that opened it says it is for: JSON. */
  readonly header: unknown;
  readonly #carrier: StreamCarrier;
  readonly #queue: Buffer[] = [];
  #queuedBytes = 0;
  #takenBytes = 0;
  #creditBytes = STREAM_WINDOW_BYTES;
  #wakeReader: (() => void) | undefined;
  #wakeWriter: (() => void) | undefined;
  #ended = {here: false, there: false};
  #error: Error | undefined;

  constructor(id: number, header: unknown, carrier: StreamCarrier) {
    this.id = id;
    this.header = header;
    this.#carrier = carrier;
  }

  /** Resolves when all of it is on its way and there is room for more. Rejects when the stream or connection is gone. */
  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      await this.#writable();
      const chunk = bytes.subarray(at, at + Math.min(CHUNK_BYTES, this.#creditBytes));
      this.#creditBytes -= chunk.length;
      this.#carrier.data(this.id, chunk);
      at += chunk.length;
    }
  }

  /** No more will be written; reading goes on. */
  end(): void {
    if (this.#ended.here || this.#error !== undefined) return;
    this.#ended.here = true;
    this.#carrier.finish(this.id);
    this.#settle();
  }

  /** Gives up in both directions. */
  reset(reason = 'cancelled'): void {
    if (this.#error !== undefined || (this.#ended.here && this.#ended.there)) return;
    this.#carrier.reset(this.id, reason);
    this.fail(streamReset(reason));
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, void> {
    try {
      for (;;) {
        const chunk = this.#queue.shift();
        if (chunk !== undefined) {
          this.#take(chunk.length);
          yield chunk;
        } else if (this.#error !== undefined) {
          throw this.#error;
        } else if (this.#ended.there) {
          return;
        } else {
          await new Promise<void>((resolve) => (this.#wakeReader = resolve));
        }
      }
    } finally {
      if (!this.#ended.there) this.reset('nobody reads any more');
    }
  }

  /** From the connection. False: more than was allowed. */
  receive(bytes: Buffer): boolean {
    if (this.#ended.there || this.#queuedBytes + this.#takenBytes + bytes.length > STREAM_WINDOW_BYTES) return false;
    if (this.#error !== undefined || bytes.length === 0) return true;
    this.#queue.push(bytes);
    this.#queuedBytes += bytes.length;
    this.#wake();
    return true;
  }

  receiveCredit(bytes: number): void {
    this.#creditBytes = Math.min(STREAM_WINDOW_BYTES, this.#creditBytes + bytes);
    this.#wakeWriter?.();
  }

  receiveEnd(): void {
    this.#ended.there = true;
    this.#wake();
    this.#settle();
  }

  fail(error: Error): void {
    this.#error ??= error;
    this.#wake();
    this.#wakeWriter?.();
    this.#carrier.done(this.id);
  }

  async #writable(): Promise<void> {
    for (;;) {
      if (this.#error !== undefined) throw this.#error;
      if (this.#ended.here) throw streamReset('written to after its end');
      const ready = this.#carrier.ready();
      if (ready !== undefined) await ready;
      else if (this.#creditBytes > 0) return;
      else await new Promise<void>((resolve) => (this.#wakeWriter = resolve));
    }
  }

  #take(length: number): void {
    this.#queuedBytes -= length;
    this.#takenBytes += length;
    if (this.#takenBytes < CREDIT_EVERY_BYTES || this.#ended.there) return;
    this.#carrier.credit(this.id, this.#takenBytes);
    this.#takenBytes = 0;
  }

  #wake(): void {
    this.#wakeReader?.();
    this.#wakeReader = undefined;
  }

  #settle(): void {
    if (this.#ended.here && this.#ended.there) this.#carrier.done(this.id);
  }
}

export function streamReset(reason: string): QuiverError {
  return new QuiverError({
    code: 'ICE_STREAM_RESET',
    message: `The stream was broken off: ${reason}`,
    fix: 'Look at what the other side prints, and try again.',
  });
}
