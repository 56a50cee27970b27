import type {Rate} from './limits.ts';

/** Sources that are remembered; beyond, the one that was heard longest ago is forgotten, and starts afresh. */
const MAX_KEYS = 16_384;

interface Bucket {
  level: number;
  atMs: number;
}

/** Token buckets by name, in bounded memory. */
export class Rates {
  readonly #rate: Rate;
  readonly #buckets = new Map<string, Bucket>();

  constructor(rate: Rate) {
    this.#rate = rate;
  }

  /** Takes `cost` from the bucket of `key`; false, and takes nothing, when there is not as much in it. */
  take(key: string, cost: number, nowMs: number): boolean {
    const {perSecond, burst} = this.#rate;
    const known = this.#buckets.get(key);
    const elapsedMs = known === undefined ? 0 : Math.max(0, nowMs - known.atMs);
    const level = known === undefined ? burst : Math.min(burst, known.level + (elapsedMs * perSecond) / 1_000);
    const ok = level >= cost;
    this.#buckets.delete(key);
    if (this.#buckets.size >= MAX_KEYS) this.#forgetOldest();
    this.#buckets.set(key, {level: ok ? level - cost : level, atMs: nowMs});
    return ok;
  }

  #forgetOldest(): void {
    const [oldest] = this.#buckets.keys();
    if (oldest !== undefined) this.#buckets.delete(oldest);
  }
}
