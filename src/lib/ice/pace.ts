/** On its way at once at the start of a path; doubled with each round trip as long as nothing has to wait. */
const FIRST_WINDOW_BYTES = 128 * 1024;
const LEAST_WINDOW_BYTES = 64 * 1024;
const WINDOW_LIMIT_BYTES = 4 * 1024 * 1024;
/** What is acknowledged this much later than at best has waited in a queue; acknowledgements alone take 200 ms. */
const QUEUE_LIMIT_MS = 600;
const QUEUE_GOAL_MS = 350;
const SHRINK_BY = 0.6;

/**
 * How much may be on its way over one path, found out from how long acknowledgements take. The native side would take
 * 1.5 MB, which on a slow path are minutes that every ping and every small message waits behind. Sans-IO.
 */
export class Pace {
  /** Bytes sent until then, and when. */
  readonly #sends: {total: number; atMs: number}[] = [];
  #window = FIRST_WINDOW_BYTES;
  #sent = 0;
  #acknowledged = 0;
  #bestMs = Number.POSITIVE_INFINITY;
  /** What was on its way when the window shrank last does not count against it again. */
  #shrunkAt = 0;

  /** How many more bytes may go. */
  get room(): number {
    return Math.max(0, this.#window - (this.#sent - this.#acknowledged));
  }

  sent(bytes: number, nowMs: number): void {
    this.#sent += bytes;
    this.#sends.push({total: this.#sent, atMs: nowMs});
  }

  /** The other side has so many more. */
  acknowledged(bytes: number, nowMs: number): void {
    const limited = this.room < this.#window / 2;
    this.#acknowledged = Math.min(this.#sent, this.#acknowledged + bytes);
    let newest: number | undefined;
    while (this.#sends[0] !== undefined && this.#sends[0].total <= this.#acknowledged) {
      newest = this.#sends.shift()?.atMs;
    }
    if (newest === undefined) return;
    const tookMs = nowMs - newest;
    this.#bestMs = Math.min(this.#bestMs, tookMs);
    const queuedMs = tookMs - this.#bestMs;
    if (queuedMs > QUEUE_LIMIT_MS && this.#acknowledged > this.#shrunkAt) {
      this.#window = Math.max(LEAST_WINDOW_BYTES, this.#window * SHRINK_BY);
      this.#shrunkAt = this.#sent;
    } else if (queuedMs < QUEUE_GOAL_MS && limited) {
      this.#window = Math.min(WINDOW_LIMIT_BYTES, this.#window + bytes);
    }
  }
}
