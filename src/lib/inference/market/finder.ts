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
const MAX_ASKED = 8;
/** After the first bid: time for a better one to arrive. */
const SETTLE_MS = 30;
/** The longest a search goes on before it says that nobody is there. */
const SEARCH_TIMEOUT_MS = 5_000;
/** After the first round of dials: without a single connection nobody will answer. */
const ALONE_MS = 500;
/** A publish right after a connection finds no subscriber yet; looked at again this often. */
const RETRY_INTERVAL_MS = 50;

/** A search of the DHT costs every node on its way; it is made again after so long, then twice as long. */
const DHT_RETRY_MS = 200;

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
  /** @default 5_000 */
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
    void this.#alone(both).then((alone) => (alone ? done.abort() : undefined));
    try {
      await found;
      if (!both.aborted) await Promise.race([options.all ? asking : sleep(SETTLE_MS), asking]);
    } finally {
      done.abort();
    }
    signal.throwIfAborted();
    return this.live(wish).filter(({provider}) => !options.except.has(provider));
  }

  /** True when nobody could be reached at all, so that the user need not wait to hear it. */
  async #alone(signal: AbortSignal): Promise<boolean> {
    const {node, answering} = this.#options.market;
    if (answering !== undefined) return false;
    await node.services.rejoin.firstContact;
    if (node.getConnections().length > 0) return false;
    await sleep(ALONE_MS, undefined, {signal}).catch(() => undefined);
    return node.getConnections().length === 0;
  }

  /** Everything at once; each way may be the one that works. Resolves when all have had their say. */
  async #askEverybody(wish: Wish, signal: AbortSignal): Promise<void> {
    const {market} = this.#options;
    const self = market.node.peerId.toString();
    const sealed = await this.#seal(wish);
    const asked = new Set<string>();
    const ask = async (provider: string): Promise<void> => {
      if (asked.has(provider) || asked.size >= MAX_ASKED) return;
      asked.add(provider);
      const manifest = market.intake.manifests.get(provider, Date.now());
      if (manifest !== undefined && provider !== self) await rememberAddresses(market.node, manifest);
      await market.ask(provider, {requestForQuote: sealed}, signal).catch(() => undefined);
    };
    const askKnown = async (): Promise<void> => {
      const known = market.intake.manifests.serving(wish.model, Date.now());
      await Promise.all(known.map(({peerId}) => ask(peerId)));
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
    while (!signal.aborted) {
      const asked: Promise<void>[] = [];
      if (market.node.getConnections().length > 0) {
        for await (const provider of findProviders(market.node, key, MAX_ASKED, signal)) asked.push(ask(provider));
      }
      await Promise.all(asked);
      if (this.live(wish).length > 0) return;
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
