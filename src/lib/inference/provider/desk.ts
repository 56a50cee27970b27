import {toHex} from '../../core/bytes.ts';
import type {PaymentKey} from '../../core/secp256k1.ts';
import {BID_LIFE_MS, BID_VERSION, bidDigest, signBid} from '../../records/bid.ts';
import type {Bid} from '../../records/bid.ts';
import type {Network} from '../../records/eip712.ts';
import type {RequestForQuote} from '../../records/request-for-quote.ts';
import {MAX_BIDS_PER_REPLY} from '../market/intake.ts';
import type {Catalogue, Listing} from './catalogue.ts';

/** A bid is handed out again for so long; later a fresh one is signed. */
const REUSE_MS = 20_000;
/** A bid is honoured past its end by this, for clocks that run apart and for questions on their way. */
const HONOUR_MS = 30_000;
/** Predicted until the first request has been measured. */
const ASSUMED_FIRST_TOKEN_MS = 500;
const MAX_UINT32 = 2 ** 32 - 1;

/** Base units of QUIV per 1,000 tokens. */
export interface Prices {
  priceIn: bigint;
  priceOut: bigint;
}

export interface DeskOptions {
  catalogue: Catalogue;
  provider: string;
  paymentKey: PaymentKey;
  network: Network;
  /** ERC-20 token of the prices, zero address where none is deployed. */
  asset: string;
  prices: Prices;
  maxTokens: number;
  maxPromptBytes: number;
}

interface Issued {
  bid: Bid;
  bytes: Uint8Array;
}

export type Quote = {bids: Uint8Array[]} | {bids: []; refusal: string; retryAfterMs?: number};

/** The provider's counter: says what a request would cost and remembers what it has promised. No input or output. */
export class Desk {
  readonly #options: DeskOptions;
  /** The bid that is handed out at present, by model. */
  readonly #current = new Map<string, Issued>();
  /** All that are still honoured, by digest; bounded, since each model gets a new one at most every second. */
  readonly #issued = new Map<string, Bid>();
  closed = false;

  constructor(options: DeskOptions) {
    this.#options = options;
  }

  /** Answers a request-for-quote; without one, offers everything. Times in ms since the epoch. */
  quote(request: RequestForQuote | undefined, now: number): Quote {
    if (this.closed) return refuse('DRAINING');
    const {catalogue, prices, maxTokens, maxPromptBytes} = this.#options;
    if (request === undefined)
      return {
        bids: catalogue
          .listings()
          .slice(0, MAX_BIDS_PER_REPLY)
          .map((one) => this.#bid(one, now)),
      };
    if (request.maxPriceIn !== undefined && prices.priceIn > request.maxPriceIn) return refuse('PRICE');
    if (request.maxPriceOut !== undefined && prices.priceOut > request.maxPriceOut) return refuse('PRICE');
    if (request.maxTokens > maxTokens || request.promptBytes > maxPromptBytes) return refuse('LIMITS');
    const wanted = this.#wanted(request);
    if (wanted.length === 0) return refuse('NO_MODEL');
    const open = wanted.filter(({engine: {admission}}) => admission.queued < admission.slots);
    if (open.length === 0) return {...refuse('BUSY'), retryAfterMs: 1_000};
    return {bids: open.slice(0, MAX_BIDS_PER_REPLY).map((one) => this.#bid(one, now))};
  }

  /** The bid of a digest, if we made it and still honour it. */
  honoured(digest: Uint8Array, now: number): Bid | undefined {
    const bid = this.#issued.get(toHex(digest));
    return bid === undefined || bid.validUntil + HONOUR_MS < now ? undefined : bid;
  }

  #wanted({wanted}: RequestForQuote): Listing[] {
    const {catalogue} = this.#options;
    if ('capability' in wanted) return wanted.capability === 'chat' ? catalogue.listings() : [];
    const found = catalogue.find('model' in wanted ? wanted.model : wanted.modelDigest);
    return found === undefined ? [] : [found];
  }

  #bid(listing: Listing, now: number): Uint8Array {
    const {name, digest, quantisation, engine} = listing;
    const slotsFree = engine.admission.free;
    const before = this.#current.get(name);
    if (before !== undefined && usable(before.bid, {slotsFree, digest, now})) return before.bytes;
    const {provider, paymentKey, network, asset, prices} = this.#options;
    const bid: Bid = {
      version: BID_VERSION,
      network,
      provider,
      paymentAddress: paymentKey.address,
      model: name,
      modelDigest: digest,
      quantisation,
      ...prices,
      asset,
      slotsFree,
      firstTokenMs: Math.min(MAX_UINT32, Math.ceil(engine.firstTokenMs) || ASSUMED_FIRST_TOKEN_MS),
      issuedAt: now,
      validUntil: now + BID_LIFE_MS,
    };
    const bytes = signBid(bid, paymentKey);
    for (const [key, {validUntil}] of this.#issued) if (validUntil + HONOUR_MS < now) this.#issued.delete(key);
    this.#issued.set(toHex(bidDigest(bid)), bid);
    this.#current.set(name, {bid, bytes});
    return bytes;
  }
}

/** Whether a signed bid still says the truth: not old, the same file, and the same on whether there is a free slot. */
function usable(bid: Bid, {slotsFree, digest, now}: {slotsFree: number; digest: string; now: number}): boolean {
  const age = now - bid.issuedAt;
  if (age < 0 || age > REUSE_MS || bid.modelDigest !== digest) return false;
  return age < 1_000 || bid.slotsFree > 0 === slotsFree > 0;
}

function refuse(refusal: string): {bids: []; refusal: string} {
  return {bids: [], refusal};
}
