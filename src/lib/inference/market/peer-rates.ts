export interface RateLimit {
  perSecond: number;
  burst: number;
}

interface Bucket {
  tokens: number;
  at: number;
}

/** Strangers remembered at most; the one that has been quiet longest is forgotten first. */
const MAX_PEERS = 4_096;

/** A token bucket for each peer, bounded in number. */
export class PeerRates {
  readonly #limit: RateLimit;
  readonly #buckets = new Map<string, Bucket>();

  constructor(limit: RateLimit) {
    this.#limit = limit;
  }

  /** Takes one token of this peer's bucket; false when it is empty. `now` in ms. */
  allow(peer: string, now: number): boolean {
    const {perSecond, burst} = this.#limit;
    const bucket = this.#buckets.get(peer) ?? {tokens: burst, at: now};
    bucket.tokens = Math.min(burst, bucket.tokens + (Math.max(0, now - bucket.at) / 1_000) * perSecond);
    bucket.at = Math.max(bucket.at, now);
    this.#buckets.delete(peer);
    this.#buckets.set(peer, bucket);
    if (this.#buckets.size > MAX_PEERS) this.#buckets.delete(this.#buckets.keys().next().value ?? peer);
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }
}
