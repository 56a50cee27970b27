import type {PrivateKey} from '@libp2p/interface';

import {pause} from '../../core/pause.ts';
import type {Network} from '../../records/eip712.ts';
import {createRequestId, sealRequestForQuote} from '../../records/request-for-quote.ts';
import type {Wanted} from '../../records/request-for-quote.ts';
import type {Manifest} from '../../records/manifest.ts';
import {orAborted} from '../or-aborted.ts';
import type {Offer} from './bid-book.ts';
import {EXCHANGE_TIMEOUT_MS} from './exchange.ts';
import {Inquiry} from './inquiry.ts';
import {MAX_OTHERS} from './intake.ts';
import type {MarketNode} from './market-node.ts';
import {findModel, isDigest} from './match.ts';
import {findProviders, providerKey} from './rendezvous.ts';

/** Providers that one search of the DHT names, and peers that are asked whom they know. */
const MAX_NAMED = 6;
/** After the first bid: time for a better one to arrive, and for others where several are wanted. */
const SETTLE_MS = 30;
const OTHERS_MS = 1_000;
/** When all who were asked have answered without a bid: time for one that comes by gossip. */
const LATE_BID_MS = 500;
/** The longest that providers are looked for. Those that were found may take longer to answer. */
const SEARCH_TIMEOUT_MS = 5_000;
/** With nobody to dial, and after those that were dialled could not be reached: time for a connection after all. */
const ALONE_MS = 500;
const LOST_MS = 2_000;
/** A publish right after a connection finds no subscriber yet; looked at again this often. */
const RETRY_INTERVAL_MS = 50;

/** A search of the DHT costs every node on its way; it is made again after so long, then twice as long. */
const DHT_RETRY_MS = 200;
/** Who knows providers, of other models, has joined: further rounds would find nothing new. */
const DHT_ROUNDS = 2;

/** What a client wants a price for. */
export interface Wish {
  /** Name or digest; empty for any chat model. */
  model: string;
  maxTokens: number;
  promptBytes: number;
  /** Dearest price of 1,000 tokens of answer that can be of use, in base units. */
  maxPriceOut?: bigint;
}

export interface SearchOptions {
  /** Providers that are of no use. */
  except: ReadonlySet<string>;
  /** Offers wanted; more than one are waited for only as long as others may reasonably take. */
  count: number;
  /** How long providers that are known to serve the model may take to answer, in ms. */
  patienceMs: number;
}

export interface Found {
  offers: Offer[];
  /** What those that were asked have said instead of an offer. */
  refusals: ReadonlySet<string>;
}

export interface FinderOptions {
  market: MarketNode;
  network: Network;
  /** Signs requests-for-quote. */
  peerKey: PrivateKey;
  /** `/quiver/<profile>`, for the DHT keys. */
  prefix: string;
  /** Whether a provider's offers can be of use at all. */
  trusted: (provider: string) => boolean;
  /** @default 5_000 */
  searchTimeoutMs?: number | undefined;
}

/** Finds offers: live bids first, else it asks the providers it knows, announces the request and searches the DHT. */
export class Finder {
  readonly #options: FinderOptions;
  readonly #searches = new Map<string, Promise<ReadonlySet<string>>>();

  constructor(options: FinderOptions) {
    this.#options = options;
  }

  /** Bids at hand, without asking anybody. */
  live(wish: Wish): Offer[] {
    return this.#options.market.intake.bids.live(wish.model, Date.now());
  }

  /** Providers that say that they serve the model, and have not lied to us. */
  serving(wish: Wish): Manifest[] {
    const {market, trusted} = this.#options;
    return market.intake.manifests.serving(wish.model, Date.now()).filter(({peerId}) => trusted(peerId));
  }

  /**
   * Asks the network. Ends shortly after the first bid from somebody not in `except`; where several are wanted, once
   * there are so many or the others have had a second. No offers when nobody could be found within the search time, or none of those found has
   * bid within `patienceMs`. Callers that want the same share a search. Throws the signal's reason.
   */
  async search(wish: Wish, signal: AbortSignal, options: SearchOptions): Promise<Found> {
    const {except} = options;
    const usable = (): Offer[] => this.live(wish).filter(({provider}) => !except.has(provider));
    const joined = this.#running(wish, options) !== undefined;
    let refusals = await orAborted(this.#share(wish, options), signal);
    // A search that was about to end when we came says little.
    if (joined && usable().length === 0) refusals = await orAborted(this.#share(wish, options), signal);
    return {offers: usable(), refusals};
  }

  #running(wish: Wish, {except, count}: SearchOptions): Promise<ReadonlySet<string>> | undefined {
    return except.size === 0 ? this.#searches.get(keyOf(wish, count)) : undefined;
  }

  #share(wish: Wish, options: SearchOptions): Promise<ReadonlySet<string>> {
    const running = this.#running(wish, options);
    if (running !== undefined) return running;
    if (options.except.size > 0) return this.#search(wish, options);
    const key = keyOf(wish, options.count);
    const searching = this.#search(wish, options).finally(() => this.#searches.delete(key));
    this.#searches.set(key, searching);
    return searching;
  }

  async #search(wish: Wish, {except, count, patienceMs}: SearchOptions): Promise<ReadonlySet<string>> {
    const {market, trusted, searchTimeoutMs = SEARCH_TIMEOUT_MS} = this.#options;
    const done = new AbortController();
    const limit = setTimeout(() => done.abort(), Math.max(searchTimeoutMs, patienceMs)).unref();
    const {signal} = done;
    const found = Promise.withResolvers<void>();
    const enough = Promise.withResolvers<void>();
    const bidders = new Set<string>();
    const useless = (provider: string): boolean => except.has(provider) || !trusted(provider);
    const stop = market.onOffers((offers) => {
      for (const offer of offers) if (!useless(offer.provider) && isFor(wish, offer)) bidders.add(offer.provider);
      if (bidders.size > 0) found.resolve();
      if (bidders.size >= count) enough.resolve();
    });
    signal.addEventListener('abort', () => found.resolve(), {once: true});
    void this.#alone(signal).then((alone) => (alone ? found.resolve() : undefined));
    try {
      const sealed = await this.#seal(wish);
      const inquiry = new Inquiry({market, sealed, useless, signal});
      const asking = this.#askEverybody(wish, {sealed, inquiry}, signal).catch(() => undefined);
      await Promise.race([found.promise, asking.then(() => pause(LATE_BID_MS, signal, {ref: false}))]);
      if (count > 1) await Promise.race([enough.promise, asking, pause(OTHERS_MS, signal, {ref: false})]);
      else await Promise.race([asking, pause(SETTLE_MS, signal, {ref: false})]);
      return inquiry.refusals;
    } finally {
      clearTimeout(limit);
      done.abort();
      stop();
    }
  }

  /** True when nobody could be reached at all, so that the user need not wait to hear it. */
  async #alone(signal: AbortSignal): Promise<boolean> {
    const {node} = this.#options.market;
    const reached = await node.services.rejoin.firstContact;
    if (node.getConnections().length > 0) return false;
    await pause(reached ? ALONE_MS : LOST_MS, signal, {ref: false});
    return node.getConnections().length === 0;
  }

  /** Everything at once; each way may be the one that works. Resolves when all have had their say. */
  async #askEverybody(
    wish: Wish,
    {sealed, inquiry}: {sealed: Uint8Array; inquiry: Inquiry},
    signal: AbortSignal,
  ): Promise<void> {
    const {market, searchTimeoutMs = SEARCH_TIMEOUT_MS} = this.#options;
    const askKnown = (): void => {
      const known = this.serving(wish);
      const near = known.filter(({peerId}) => market.isConnected(peerId));
      for (const {peerId} of [...near, ...known]) inquiry.add(peerId);
    };
    const knewSome = this.serving(wish).length > 0;
    // Peers hand on the manifests that they know, so that a newcomer soon knows whom to ask.
    const stop = market.onManifests(askKnown);
    signal.addEventListener('abort', stop, {once: true});
    askKnown();
    const looking = AbortSignal.any([signal, AbortSignal.timeout(searchTimeoutMs)]);
    await Promise.allSettled([
      this.#announce(sealed, looking),
      ...(knewSome ? [] : [this.#askPeers(wish, looking), this.#searchDht(wish, inquiry, looking)]),
    ]);
    await inquiry.settled();
  }

  async #seal(wish: Wish): Promise<Uint8Array> {
    const {network, peerKey, market, searchTimeoutMs = SEARCH_TIMEOUT_MS} = this.#options;
    const now = Date.now();
    return sealRequestForQuote(
      {
        id: createRequestId(),
        network,
        wanted: wantedOf(wish.model),
        maxTokens: wish.maxTokens,
        promptTokens: Math.ceil(wish.promptBytes / 3),
        promptBytes: wish.promptBytes,
        ...(wish.maxPriceOut !== undefined && {maxPriceOut: wish.maxPriceOut}),
        issuedAt: now,
        deadline: now + searchTimeoutMs,
        replyTopic: market.names.bidTopic,
      },
      peerKey,
    );
  }

  /** Publishes until somebody takes it: a node that has just connected does not know who is subscribed. */
  async #announce(sealed: Uint8Array, signal: AbortSignal): Promise<void> {
    const {market} = this.#options;
    while (!signal.aborted) {
      const recipients = await market.publish(market.names.requestTopic, sealed);
      if (recipients > 0) return;
      await pause(RETRY_INTERVAL_MS, signal, {ref: false});
    }
  }

  /** Asks those that are connected whom they know for this model. */
  async #askPeers({model}: Wish, signal: AbortSignal): Promise<void> {
    const {market} = this.#options;
    const soon = AbortSignal.any([signal, AbortSignal.timeout(EXCHANGE_TIMEOUT_MS)]);
    const peers = market.marketPeers().slice(0, MAX_NAMED);
    await Promise.allSettled(peers.map((peer) => market.ask(peer, {others: MAX_OTHERS, model}, soon)));
  }

  /** The DHT, again and again until the node has joined it and somebody bids. */
  async #searchDht(wish: Wish, inquiry: Inquiry, signal: AbortSignal): Promise<void> {
    const {market, prefix} = this.#options;
    const byName = wish.model !== '' && !isDigest(wish.model);
    const key = await providerKey(prefix, byName ? wish.model : undefined);
    let pauseMs = DHT_RETRY_MS;
    for (let round = 1; !signal.aborted; round += 1) {
      if (market.node.getConnections().length > 0) {
        for await (const provider of findProviders(market.node, key, MAX_NAMED, signal)) inquiry.add(provider);
      }
      await orAborted(inquiry.settled(), signal);
      const knowsNetwork = market.intake.manifests.all(Date.now()).length > 0;
      if (this.live(wish).length > 0 || (knowsNetwork && round >= DHT_ROUNDS)) return;
      await pause(pauseMs, signal, {ref: false});
      pauseMs *= 2;
    }
  }
}

/** Wishes of one key are served by one search. */
function keyOf({model, maxPriceOut}: Wish, count: number): string {
  return `${count} ${maxPriceOut ?? ''} ${model}`;
}

function isFor(wish: Wish, {signed: {bid}}: Offer): boolean {
  return findModel(wish.model, [{name: bid.model, digest: bid.modelDigest}]) !== undefined;
}

function wantedOf(model: string): Wanted {
  if (model === '') return {capability: 'chat'};
  return isDigest(model) ? {modelDigest: model} : {model};
}
