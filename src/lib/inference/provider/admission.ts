/** What a request waits for before it has ever been measured how long one takes. */
const ASSUMED_REQUEST_MS = 2_000;
const MEASURE_WEIGHT = 0.2;
const MIN_RETRY_MS = 50;
const MAX_RETRY_MS = 60_000;

export type Admitted = {ok: true; release: () => void} | {ok: false; retryAfterMs: number};

/** Slots of one back end and a queue no longer than them: who would wait longer is better served elsewhere. */
export class Admission {
  readonly #slots: number;
  readonly #queue: (() => void)[] = [];
  #active = 0;
  #averageMs = ASSUMED_REQUEST_MS;

  constructor(slots: number) {
    this.#slots = slots;
  }

  get slots(): number {
    return this.#slots;
  }

  get active(): number {
    return this.#active;
  }

  get queued(): number {
    return this.#queue.length;
  }

  get free(): number {
    return Math.max(0, this.#slots - this.#active);
  }

  /** Resolves when a slot is free (the caller must release it), at once when the queue is full, rejects on abort. */
  async enter(signal: AbortSignal): Promise<Admitted> {
    signal.throwIfAborted();
    if (this.#active < this.#slots) return this.#take();
    if (this.#queue.length >= this.#slots) return {ok: false, retryAfterMs: this.#retryAfterMs()};
    await new Promise<void>((resolve, reject) => {
      const onAbort = (): void => {
        const at = this.#queue.indexOf(ready);
        if (at >= 0) this.#queue.splice(at, 1);
        reject(new Error('left the queue', {cause: signal.reason}));
      };
      const ready = (): void => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      };
      this.#queue.push(ready);
      signal.addEventListener('abort', onAbort, {once: true});
    });
    return this.#take(true);
  }

  /** The slot of a request that leaves passes to the one that waited longest, without becoming free between. */
  #take(inherited = false): Admitted {
    if (!inherited) this.#active += 1;
    const since = performance.now();
    let released = false;
    const release = (): void => {
      if (released) return;
      released = true;
      this.#averageMs += MEASURE_WEIGHT * (performance.now() - since - this.#averageMs);
      const next = this.#queue.shift();
      if (next === undefined) this.#active -= 1;
      else next();
    };
    return {ok: true, release};
  }

  #retryAfterMs(): number {
    const expected = (this.#averageMs * (this.#queue.length + 1)) / this.#slots;
    return Math.round(Math.min(MAX_RETRY_MS, Math.max(MIN_RETRY_MS, expected)));
  }
}
