import {setTimeout as sleep} from 'node:timers/promises';

import type {PrivateKey} from '@libp2p/interface';

import type {Network} from '../../records/eip712.ts';
import {createRequestId, sealRequestForQuote} from '../../records/request-for-quote.ts';
import type {Wanted} from '../../records/request-for-quote.ts';
import type {Offer} from './bid-book.ts';
import type {MarketNode} from './market-node.ts';
import {findModel, isDigest} from './match.ts';
import {MAX_OTHERS} from './intake.ts';
import {findProviders, providerKey, rememberAddresses} from './rendezvous.ts';

/** Providers asked one by one; the announcement reaches the others. */
const MAX_ASKED = 6;
/** After the first bid: time for a better one to arrive. */
const SETTLE_MS = 30;
/** When all who were asked have answered without a bid: time for one that comes by gossip. */
const LATE_BID_MS = 500;
/** The longest a search goes on before it says that nobody is there. */
const SEARCH_TIMEOUT_MS = 5_000;
/** After the first round of dials: without a single connection nobody will answer. */
const ALONE_MS = 500;
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
  /** Every offer that can be had, not just the first. */
  all: boolean;
}

export interface FinderOptions {
  market: MarketNode;
  network: Network;
  /** Signs requests-for-quote. */
  peerKey: PrivateKey;
  /** `/quiver/<profile>`, for the DHT keys. */
  prefix: string;
  /** @default 5_000 */
  searchTimeoutMs?: number | undefined;
}

/** Finds offers: live bids first, else it asks the providers it knows, announces the request and searches the DHT. */
export class Finder {
  readonly #options: FinderOptions;
  readonly #searches = new Map<string, Promise<void>>();

  constructor(options: FinderOptions) {
    this.#options = options;
  }

  /** Bids at hand, without asking anybody. */
  live(wish: Wish): Offer[] {
    return this.#options.market.intake.bids.live(wish.model, Date.now());
  }

  /**
   * Asks the network. Ends shortly after the first bid from somebody not in `except`; with `all`, once everybody who
   * is known has answered. Empty when nobody has bid within the search time. Callers that want the same share a search.
   */
  async search(wish: Wish, signal: AbortSignal, {except, all}: SearchOptions): Promise<Offer[]> {
    const key = `${wish.model} ${all} ${wish.maxPriceOut ?? ''}`;
    const shared = except.size === 0 ? this.#searches.get(key) : undefined;
    const searching = shared ?? this.#search(wish, {except, all}).finally(() => this.#searches.delete(key));
    if (except.size === 0) this.#searches.set(key, searching);
    const aborted = Promise.withResolvers<void>();
    const onAbort = (): void => aborted.resolve();
    signal.addEventListener('abort', onAbort, {once: true});
    if (!signal.aborted) await Promise.race([searching, aborted.promise]);
    signal.removeEventListener('abort', onAbort);
    signal.throwIfAborted();
    return this.live(wish).filter(({provider}) => !except.has(provider));
  }

  async #search(wish: Wish, {except, all}: SearchOptions): Promise<void> {
    const {market, searchTimeoutMs = SEARCH_TIMEOUT_MS} = this.#options;
    const done = new AbortController();
    const signal = AbortSignal.any([done.signal, AbortSignal.timeout(searchTimeoutMs)]);
    const found = Promise.withResolvers<void>();
    const stop = market.onOffers((offers) => {
      if (offers.some((offer) => !except.has(offer.provider) && isFor(wish, offer))) found.resolve();
    });
    signal.addEventListener('abort', () => found.resolve(), {once: true});
    const asking = this.#askEverybody(wish, except, signal).catch(() => undefined);
    void this.#alone(signal).then((alone) => (alone ? found.resolve() : undefined));
    try {
      await Promise.race([found.promise, asking.then(() => sleep(LATE_BID_MS, undefined, {ref: false}))]);
      if (!signal.aborted) await Promise.race([all ? asking : sleep(SETTLE_MS, undefined, {ref: false}), asking]);
    } finally {
      done.abort();
      stop();
    }
  }

  /** True when nobody could be reached at all, so that the user need not wait to hear it. */
  async #alone(signal: AbortSignal): Promise<boolean> {
    const {node} = this.#options.market;
    await node.services.rejoin.firstContact;
    if (node.getConnections().length > 0) return false;
    await sleep(ALONE_MS, undefined, {signal}).catch(() => undefined);
    return node.getConnections().length === 0;
  }

  /** Everything at once; each way may be the one that works. Resolves when all have had their say. */
  async #askEverybody(wish: Wish, except: ReadonlySet<string>, signal: AbortSignal): Promise<void> {
    const {market} = this.#options;
    const self = market.node.peerId.toString();
    const sealed = await this.#seal(wish);
    const asked = new Set<string>(except);
    const ask = async (provider: string): Promise<void> => {
      if (asked.has(provider) || asked.size >= MAX_ASKED + except.size) return;
      asked.add(provider);
      const manifest = market.intake.manifests.get(provider, Date.now());
      if (manifest !== undefined && provider !== self) await rememberAddresses(market.node, manifest);
      await market.ask(provider, {requestForQuote: sealed}, signal).catch(() => undefined);
    };
    const askKnown = async (): Promise<void> => {
      const known = market.intake.manifests.serving(wish.model, Date.now());
      const near = known.filter(({peerId}) => market.isConnected(peerId));
      await Promise.all([...near, ...known].map(({peerId}) => ask(peerId)));
    };
    // Peers hand on the manifests that they know, so that a newcomer soon knows whom to ask.
    const stop = market.onManifests(() => void askKnown());
    signal.addEventListener('abort', stop, {once: true});
    const knewSome = market.intake.manifests.serving(wish.model, Date.now()).length > 0;
    await Promise.allSettled([
      this.#announce(sealed, signal),
      askKnown(),
      ...(knewSome ? [] : [this.#askPeers(wish, signal), this.#searchDht(wish, ask, signal)]),
    ]);
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
      await sleep(RETRY_INTERVAL_MS, undefined, {signal}).catch(() => undefined);
    }
  }

  /** Asks those that are connected whom they know for this model. */
  async #askPeers({model}: Wish, signal: AbortSignal): Promise<void> {
    const {market} = this.#options;
    const peers = market.marketPeers().slice(0, MAX_ASKED);
    await Promise.allSettled(peers.map((peer) => market.ask(peer, {others: MAX_OTHERS, model}, signal)));
  }

  /** The DHT, again and again until the node has joined it and somebody bids. */
  async #searchDht(wish: Wish, ask: (provider: string) => Promise<void>, signal: AbortSignal): Promise<void> {
    const {market, prefix} = this.#options;
    const byName = wish.model !== '' && !isDigest(wish.model);
    const key = await providerKey(prefix, byName ? wish.model : undefined);
    let pauseMs = DHT_RETRY_MS;
    for (let round = 1; !signal.aborted; round += 1) {
      const asked: Promise<void>[] = [];
      if (market.node.getConnections().length > 0) {
        for await (const provider of findProviders(market.node, key, MAX_ASKED, signal)) asked.push(ask(provider));
      }
      await Promise.all(asked);
      const knowsNetwork = market.intake.manifests.all(Date.now()).length > 0;
      if (this.live(wish).length > 0 || (knowsNetwork && round >= DHT_ROUNDS)) return;
      await sleep(pauseMs, undefined, {signal}).catch(() => undefined);
      pauseMs *= 2;
    }
  }
}

function isFor(wish: Wish, {signed: {bid}}: Offer): boolean {
  return findModel(wish.model, [{name: bid.model, digest: bid.modelDigest}]) !== undefined;
}

function wantedOf(model: string): Wanted {
  if (model === '') return {capability: 'chat'};
  return isDigest(model) ? {modelDigest: model} : {model};
}
