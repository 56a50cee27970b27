/** Lets `perSecond` units through a second on average and `burst` at once (policing: what is over is dropped). */
export class TokenBucket {
  readonly #perMs: number;
  readonly #burst: number;
  #tokens: number;
  #at: number;

  constructor(perSecond: number, burst: number, nowMs: number) {
    this.#perMs = perSecond / 1000;
    this.#burst = burst;
    this.#tokens = burst;
    this.#at = nowMs;
  }

  /** True when `units` may pass now. */
  take(units: number, nowMs: number): boolean {
    if (nowMs > this.#at) {
      this.#tokens = Math.min(this.#burst, this.#tokens + (nowMs - this.#at) * this.#perMs);
      this.#at = nowMs;
    }
    if (this.#tokens < units) {
      return false;
    }
    this.#tokens -= units;
    return true;
  }
}

/** A datagram of any size must fit in what may pass at once. */
const MIN_BURST_BYTES = 65_535;

/** For a cap in bytes a second, of which a whole second may come at once; undefined for no cap. */
export function bandwidthBucket(bytesPerSecond: number | undefined, nowMs: number): TokenBucket | undefined {
  if (bytesPerSecond === undefined) return undefined;
  return new TokenBucket(bytesPerSecond, Math.max(bytesPerSecond, MIN_BURST_BYTES), nowMs);
}
