import {BID_LIFE_MS} from '../../records/bid.ts';
import type {SignedBid} from '../../records/bid.ts';
import type {Manifest} from '../../records/manifest.ts';
import {findModel} from './match.ts';

/** Bids kept at most; the oldest go. */
const MAX_BIDS = 4_096;
/** A bid that ends while the question is on its way is of no use. */
const MARGIN_MS = 2_000;

/** A bid that can be taken, with what is known of who made it. */
export interface Offer {
  provider: string;
  signed: SignedBid;
  manifest: Manifest;
}

interface Entry extends Offer {
  endsAt: number;
}

/** Live bids by provider and model. Their life counts from arrival on our own clock, since the provider's may be wrong. */
export class BidBook {
  readonly #entries = new Map<string, Entry>();

  put(offer: Offer, now: number): void {
    const {bid} = offer.signed;
    const key = keyOf(offer.provider, bid.model);
    const before = this.#entries.get(key);
    if (before !== undefined && before.signed.bid.issuedAt > bid.issuedAt) return;
    const lifeMs = Math.min(BID_LIFE_MS, bid.validUntil - bid.issuedAt);
    this.#entries.delete(key);
    this.#entries.set(key, {...offer, endsAt: now + lifeMs});
    if (this.#entries.size > MAX_BIDS) this.#entries.delete(this.#entries.keys().next().value ?? '');
  }

  /** Bids for a model that can still be taken; of each provider one. */
  live(wanted: string, now: number): Offer[] {
    const byProvider = new Map<string, Entry[]>();
    for (const [key, entry] of this.#entries) {
      if (entry.endsAt - MARGIN_MS <= now) this.#entries.delete(key);
      else byProvider.set(entry.provider, [...(byProvider.get(entry.provider) ?? []), entry]);
    }
    return [...byProvider.values()].flatMap((entries) => {
      const models = entries.map((entry) => ({
        ...entry,
        name: entry.signed.bid.model,
        digest: entry.signed.bid.modelDigest,
      }));
      const found = findModel(wanted, models);
      return found === undefined ? [] : [{provider: found.provider, signed: found.signed, manifest: found.manifest}];
    });
  }

  /** The provider no longer honours it, or is gone. */
  drop(provider: string, model: string): void {
    this.#entries.delete(keyOf(provider, model));
  }

  dropProvider(provider: string): void {
    for (const [key, entry] of this.#entries) if (entry.provider === provider) this.#entries.delete(key);
  }
}

function keyOf(provider: string, model: string): string {
  return `${provider} ${model}`;
}
