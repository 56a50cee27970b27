import type {Offer} from '../market/bid-book.ts';
import type {Standing} from './standing.ts';

/** The part of an offer that the choice looks at. */
export interface Candidate {
  /** Peer id as text. */
  provider: string;
  /** Base units per 1,000 tokens. */
  priceIn: bigint;
  priceOut: bigint;
  slotsFree: number;
  /** What the provider says of its time to first token, in ms. */
  firstTokenMs: number;
}

/** Without a free slot the request waits for another one to end. */
const FULL_PENALTY = 4;

/**
 * Power of two choices: of two candidates drawn at random the one that costs less (money × expected wait). Always taking
 * the best would send every client to the same provider at once.
 * @param random uniform in [0, 1)
 */
export function chooseProvider<T extends Candidate>(
  candidates: readonly T[],
  standing: Standing,
  now: number,
  random: () => number = Math.random,
): T | undefined {
  const allowed = candidates.filter(({provider}) => !standing.banned(provider, now));
  if (allowed.length <= 1) return allowed[0];
  const cheapest = allowed.reduce((least, {priceIn, priceOut}) => min(least, priceIn + priceOut), price(allowed[0]));
  const first = Math.floor(random() * allowed.length);
  const second = (first + 1 + Math.floor(random() * (allowed.length - 1))) % allowed.length;
  const pair = [allowed[first], allowed[second]].filter((one) => one !== undefined);
  return pair.toSorted((a, b) => weight(a, standing, cheapest, now) - weight(b, standing, cheapest, now))[0];
}

/** Up to `count` different providers, one choice after the other. */
export function chooseOffers(offers: readonly Offer[], count: number, standing: Standing): Offer[] {
  const left = offers.map((offer) => {
    const {priceIn, priceOut, slotsFree, firstTokenMs} = offer.signed.bid;
    return {offer, provider: offer.provider, priceIn, priceOut, slotsFree, firstTokenMs};
  });
  const picked: Offer[] = [];
  while (picked.length < count) {
    const next = chooseProvider(left, standing, Date.now());
    if (next === undefined) break;
    picked.push(next.offer);
    left.splice(left.indexOf(next), 1);
  }
  return picked;
}

function weight(candidate: Candidate, standing: Standing, cheapest: bigint, now: number): number {
  const dearer = Number(price(candidate) + 1n) / Number(cheapest + 1n);
  const wait = standing.cost(candidate.provider, candidate.firstTokenMs, now);
  return wait * dearer * (candidate.slotsFree > 0 ? 1 : FULL_PENALTY);
}

function price(candidate: Candidate | undefined): bigint {
  return candidate === undefined ? 0n : candidate.priceIn + candidate.priceOut;
}

function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}
