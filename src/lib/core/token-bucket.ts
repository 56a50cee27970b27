export interface Rate {
  /** In the long run. */
  perSecond: number;
  /** At once. */
  burst: number;
}

/** Clocks that are read at several places differ by less; one that goes back further was set back. */
const DISORDER_LIMIT_MS = 1_000;

/** Lets `perSecond` units through a second on average and `burst` at once (policing: what is over is dropped). */
export class TokenBucket {
  readonly #perMs: number;
  readonly #burst: number;
  #tokens: number;
  #at: number;

  constructor({perSecond, burst}: Rate, nowMs: number) {
    this.#perMs = perSecond / 1000;
    this.#burst = burst;
    this.#tokens = burst;
    this.#at = nowMs;
  }

  /** True when `units` may pass now; else nothing is taken. */
  take(units: number, nowMs: number): boolean {
    if (nowMs > this.#at) {
      this.#tokens = Math.min(this.#burst, this.#tokens + (nowMs - this.#at) * this.#perMs);
      this.#at = nowMs;
    } else if (nowMs < this.#at - DISORDER_LIMIT_MS) {
      // Gives nothing, and must not lock anyone out until the old time has come again.
      this.#at = nowMs;
    }
    if (this.#tokens < units) return false;
    this.#tokens -= units;
    return true;
  }
}

/** A token bucket for each name, in bounded memory. For sources of datagrams there is `SourceLimiter`. */
export class TokenBuckets {
  readonly #rate: Rate;
  readonly #maxNames: number;
  readonly #buckets = new Map<string, TokenBucket>();

  /** @param maxNames beyond, the one that was heard longest ago is forgotten, and starts afresh */
  constructor(rate: Rate, maxNames: number) {
    this.#rate = rate;
    this.#maxNames = maxNames;
  }

  /** Takes `units` from the bucket of `name`; false, and takes nothing, when there is not as much in it. */
  take(name: string, units: number, nowMs: number): boolean {
    const bucket = this.#buckets.get(name) ?? new TokenBucket(this.#rate, nowMs);
    this.#buckets.delete(name);
    this.#buckets.set(name, bucket);
    if (this.#buckets.size > this.#maxNames) this.#forgetOldest();
    return bucket.take(units, nowMs);
  }

  #forgetOldest(): void {
    const [oldest] = this.#buckets.keys();
    if (oldest !== undefined) this.#buckets.delete(oldest);
  }
}
