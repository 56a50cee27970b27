import type {SubscriptionChangeData} from '@libp2p/gossipsub';
import type {PrivateKey} from '@libp2p/interface';
import type {CID} from 'multiformats/cid';

import type {PaymentKey} from '../../core/secp256k1.ts';
import type {Logger} from '../../observability/logger.ts';
import type {Network} from '../../records/eip712.ts';
import {MANIFEST_LIFE_MS, MANIFEST_MAX_ADDRESSES, openManifest, sealManifest} from '../../records/manifest.ts';
import type {MarketNode} from '../market/market-node.ts';
import {providerKey} from '../market/rendezvous.ts';
import type {Catalogue} from './catalogue.ts';
import type {Prices} from './desk.ts';

/** Every provider tells of itself this often. */
const GOSSIP_INTERVAL_MS = 60_000;
/** New connections are a chance to be found: the DHT is told so long after the first one of each round, then less often. */
const PROVIDE_DELAYS_MS = [50, 5_000, 20_000, 60_000] as const;
/** New subscribers are told after so long, and not more often than that. */
const SUBSCRIBE_SETTLE_MS = 20;
const SUBSCRIBE_INTERVAL_MS = 10_000;
const PROVIDE_RETRY_MS = 1_000;
const PROVIDE_TIMEOUT_MS = 20_000;
/** A manifest handed out over a stream may be this old. */
const FRESH_MS = 5_000;

export interface AnnouncerOptions {
  market: MarketNode;
  catalogue: Catalogue;
  peerKey: PrivateKey;
  paymentKey: PaymentKey;
  network: Network;
  prefix: string;
  prices: Prices;
  region: string;
  agentVersion: string;
  log: Logger;
}

/** Makes a provider known: a signed manifest by gossip and on request, and provider records in the DHT. */
export class Announcer {
  readonly #options: AnnouncerOptions;
  readonly #provided = new Set<string>();
  readonly #stop = new AbortController();
  /** Starts at the time, so that it rises across restarts too. */
  #sequence = Date.now();
  #rounds = 0;
  #sealed: {bytes: Uint8Array; at: number; addresses: string} | undefined;
  #gossipTimer: NodeJS.Timeout | undefined;
  #publishTimer: NodeJS.Timeout | undefined;
  #publishedAt = 0;
  #provideTimer: NodeJS.Timeout | undefined;

  constructor(options: AnnouncerOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const {node} = this.#options.market;
    await this.#publish();
    this.#gossipTimer = setInterval(() => void this.#publish().catch(this.#failed), GOSSIP_INTERVAL_MS);
    node.addEventListener('peer:identify', this.#onPeer);
    node.addEventListener('self:peer:update', this.#onSelf);
    node.services.pubsub.addEventListener('subscription-change', this.#onSubscription);
    this.#provideSoon(0);
  }

  stop(): void {
    const {node} = this.#options.market;
    this.#stop.abort();
    node.removeEventListener('peer:identify', this.#onPeer);
    node.removeEventListener('self:peer:update', this.#onSelf);
    node.services.pubsub.removeEventListener('subscription-change', this.#onSubscription);
    clearTimeout(this.#publishTimer);
    clearInterval(this.#gossipTimer);
    clearTimeout(this.#provideTimer);
  }

  /** The sealed manifest, at most a few seconds old. */
  async manifest(): Promise<Uint8Array> {
    const now = Date.now();
    if (this.#sealed !== undefined && now - this.#sealed.at < FRESH_MS && !this.#moved()) return this.#sealed.bytes;
    const {catalogue, peerKey, paymentKey, network, prices, region, agentVersion} = this.#options;
    const addresses = this.#addresses();
    this.#sequence += 1;
    const bytes = await sealManifest(
      {
        network,
        models: catalogue.listings().map(({name, digest, quantisation, contextTokens, engine}) => ({
          name,
          ...(digest === '' ? {} : {digest}),
          ...(quantisation === '' ? {} : {quantisation}),
          contextTokens,
          ...prices,
          slots: engine.admission.slots,
        })),
        load: catalogue.load(),
        region,
        agentVersion,
        addresses: addresses.slice(0, MANIFEST_MAX_ADDRESSES),
        issuedAt: now,
        expiresAt: now + MANIFEST_LIFE_MS,
        sequence: this.#sequence,
      },
      peerKey,
      paymentKey,
    );
    this.#sealed = {bytes, at: now, addresses: addresses.join()};
    return bytes;
  }

  /** Whether the manifest names other addresses than the node has now. */
  #moved(): boolean {
    return this.#sealed !== undefined && this.#sealed.addresses !== this.#addresses().join();
  }

  #addresses(): string[] {
    const own = this.#options.market.node.getMultiaddrs();
    return own.map((address) => address.toString().replace(/\/p2p\/[^/]+$/, ''));
  }

  /** Tells the network now, e.g. that a model came or went. */
  async changed(): Promise<void> {
    this.#sealed = undefined;
    await this.#publish();
    this.#provideSoon(0);
  }

  async #publish(): Promise<void> {
    const {market} = this.#options;
    const bytes = await this.manifest();
    // Gossip never brings us our own.
    market.intake.manifests.put(await openManifest(bytes), bytes, Date.now());
    if ((await market.publish(market.names.manifestTopic, bytes)) > 0) this.#publishedAt = Date.now();
  }

  /** Somebody new listens: a burst of them is told once. */
  readonly #onSubscription = ({detail}: CustomEvent<SubscriptionChangeData>): void => {
    const {manifestTopic} = this.#options.market.names;
    if (!detail.subscriptions.some(({topic, subscribe}) => subscribe && topic === manifestTopic)) return;
    this.#publishTimer ??= setTimeout(
      () => {
        this.#publishTimer = undefined;
        this.#publish().catch(this.#failed);
      },
      Math.max(SUBSCRIBE_SETTLE_MS, this.#publishedAt + SUBSCRIBE_INTERVAL_MS - Date.now()),
    ).unref();
  };

  /** E.g. a relay has granted a slot: without the address through it nobody can ask. */
  readonly #onSelf = (): void => {
    if (this.#moved()) this.changed().catch(this.#failed);
  };

  readonly #onPeer = (): void => {
    this.#provideSoon(PROVIDE_DELAYS_MS[this.#rounds] ?? PROVIDE_DELAYS_MS[3]);
  };

  #provideSoon(delayMs: number): void {
    if (this.#provideTimer !== undefined || this.#stop.signal.aborted) return;
    this.#provideTimer = setTimeout(() => {
      this.#provide()
        .catch(this.#failed)
        .finally(() => {
          this.#provideTimer = undefined;
        });
    }, delayMs).unref();
  }

  /** Provider records for each model and for "any provider". The DHT renews them itself from then on. */
  async #provide(): Promise<void> {
    const {market, catalogue, prefix} = this.#options;
    const {node} = market;
    if (node.getConnections().length === 0) return;
    this.#rounds += 1;
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(PROVIDE_TIMEOUT_MS)]);
    const keys = await Promise.all(
      [undefined, ...catalogue.listings().map(({name}) => name)].map((name) => providerKey(prefix, name)),
    );
    const wanted = new Map(keys.map((key) => [key.toString(), key]));
    for (const [name, key] of wanted) {
      await node.contentRouting.provide(key, {signal});
      this.#provided.add(name);
    }
    await this.#withdraw(wanted);
  }

  async #withdraw(wanted: ReadonlyMap<string, CID>): Promise<void> {
    const {CID: Cid} = await import('multiformats/cid');
    for (const name of this.#provided) {
      if (wanted.has(name)) continue;
      await this.#options.market.node.contentRouting.cancelReprovide(Cid.parse(name));
      this.#provided.delete(name);
    }
  }

  readonly #failed = (error: unknown): void => {
    if (this.#stop.signal.aborted) return;
    this.#options.log.debug({err: error}, 'the network could not be told of this provider yet');
    setTimeout(() => this.#provideSoon(0), PROVIDE_RETRY_MS).unref();
  };
}
