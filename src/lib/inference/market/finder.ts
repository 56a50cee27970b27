import {setTimeout as sleep} from 'node:timers/promises';

import type {PrivateKey} from '@libp2p/interface';

import type {Network} from '../../records/eip712.ts';
import {createRequestId, sealRequestForQuote} from '../../records/request-for-quote.ts';
import type {Wanted} from '../../records/request-for-quote.ts';
import type {Offer} from './bid-book.ts';
import type {MarketNode} from './market-node.ts';
import {findModel, isDigest} from './match.ts';
import {findProviders, providerKey} from './rendezvous.ts';

/** Providers asked one by one; the announcement reaches the others. */
const MAX_ASKED = 8;
/** After the first bid: time for a better one to arrive. */
const SETTLE_MS = 30;
/** The longest a search goes on before it says that nobody is there. */
const SEARCH_TIMEOUT_MS = 3_000;
/** A publish right after a connection finds no subscriber yet; looked at again this often. */
const RETRY_INTERVAL_MS = 50;

/** What a client wants a price for. */
export interface Wish {
  /** Name or digest; empty for any chat model. */
  model: string;
  maxTokens: number;
  promptBytes: number;
}

export interface FinderOptions {
  market: MarketNode;
  network: Network;
  /** Signs requests-for-quote. */
  peerKey: PrivateKey;
  /** `/quiver/<profile>`, for the DHT keys. */
  prefix: string;
  /** @default 3_000 */
  searchTimeoutMs?: number | undefined;
}

/** Finds offers: live bids first, else it asks the providers it knows, announces the request and searches the DHT. */
export class Finder {
  readonly #options: FinderOptions;

  constructor(options: FinderOptions) {
    this.#options = options;
  }

  /** Bids at hand, without asking anybody. */
  live(wish: Wish): Offer[] {
    return this.#options.market.intake.bids.live(wish.model, Date.now());
  }

  /**
   * Asks the network. Ends shortly after the first bid from somebody not in `except`; with `all`, once everybody who
   * is known has answered. Empty when nobody has bid within the search time.
   */
  async search(
    wish: Wish,
    signal: AbortSignal,
    options: {except: ReadonlySet<string>; all: boolean},
  ): Promise<Offer[]> {
    const {market, searchTimeoutMs = SEARCH_TIMEOUT_MS} = this.#options;
    const done = new AbortController();
    const both = AbortSignal.any([signal, done.signal, AbortSignal.timeout(searchTimeoutMs)]);
    const found = new Promise<void>((resolve) => {
      const stop = market.onOffers((offers) => {
        const wanted = offers.some((offer) => !options.except.has(offer.provider) && isFor(wish, offer));
        if (wanted) resolve();
      });
      both.addEventListener(
        'abort',
        () => {
          stop();
          resolve();
        },
        {once: true},
      );
    });
    const asking = this.#askEverybody(wish, both).catch(() => undefined);
    try {
      await found;
      if (!both.aborted) await Promise.race([options.all ? asking : sleep(SETTLE_MS), asking]);
    } finally {
      done.abort();
    }
    signal.throwIfAborted();
    return this.live(wish).filter(({provider}) => !options.except.has(provider));
  }

  /** Everything at once; each way may be the one that works. Resolves when all have had their say. */
  async #askEverybody(wish: Wish, signal: AbortSignal): Promise<void> {
    const {market} = this.#options;
    const sealed = await this.#seal(wish);
    const known = market.intake.manifests.serving(wish.model, Date.now());
    const asked = new Set<string>();
    const ask = async (provider: string): Promise<void> => {
      if (asked.has(provider) || asked.size >= MAX_ASKED) return;
      asked.add(provider);
      await market.ask(provider, {requestForQuote: sealed}, signal).catch(() => undefined);
    };
    await Promise.allSettled([
      this.#announce(sealed, signal),
      ...known.map(({peerId}) => ask(peerId)),
      this.#searchDht(wish, ask, known.length > 0, signal),
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

  /** The DHT, again and again until the node has joined it; skipped when providers are known already. */
  async #searchDht(
    wish: Wish,
    ask: (provider: string) => Promise<void>,
    skip: boolean,
    signal: AbortSignal,
  ): Promise<void> {
    if (skip) return;
    const {market, prefix} = this.#options;
    const byName = wish.model !== '' && !isDigest(wish.model);
    const key = await providerKey(prefix, byName ? wish.model : undefined);
    while (!signal.aborted) {
      const asked: Promise<void>[] = [];
      if (market.node.getConnections().length > 0) {
        for await (const provider of findProviders(market.node, key, MAX_ASKED, signal)) asked.push(ask(provider));
      }
      await Promise.all(asked);
      await sleep(RETRY_INTERVAL_MS, undefined, {signal}).catch(() => undefined);
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
