import type {PrivateKey} from '@libp2p/interface';

import type {QuiverNode} from '../../p2p/node-options.ts';
import {networkNames} from '../../p2p/protocols.ts';
import {ReceiptStore} from '../../receipts/store.ts';
import type {Network} from '../../records/eip712.ts';
import type {Health, Route, Service, ServiceContext, ServiceInfo, ServiceStatus} from '../../service/service.ts';
import {Finder} from '../market/finder.ts';
import {MarketNode} from '../market/market-node.ts';
import {findProviders, providerKey} from '../market/rendezvous.ts';
import {clientMetrics} from '../metrics.ts';
import type {ClientMetrics} from '../metrics.ts';
import {inferRoutes} from './infer-routes.ts';
import type {InferEvent, InferRequest, ModelSummary} from './infer-types.ts';
import {InferenceClient} from './inference-client.ts';
import {LinkPool} from './link-pool.ts';
import {summarise} from './model-summary.ts';
import {ReceiptBook} from './receipt-book.ts';
import {Standing} from './standing.ts';
import {QuiverError} from '../../core/errors.ts';
import {pause} from '../../core/pause.ts';

/** Providers of one DHT search whose manifests are fetched. */
const MAX_FETCHED = 32;
/** What `models` waits at most for a network that it has not met yet. */
const MODELS_TIMEOUT_MS = 2_000;
const RETRY_INTERVAL_MS = 50;

export interface ClientOptions {
  /** @default 'client' */
  name?: string;
  /** The node it asks through; started before. */
  node: {readonly name: string; readonly node: QuiverNode};
  /** The node's own key: signs requests-for-quote. */
  peerKey: PrivateKey;
  /** Path of the receipts database; opened at start, closed at stop. */
  receipts: string;
  network: Network;
  /** `/quiver/<profile>`. */
  protocolPrefix: string;
  /** How long the network is searched for a provider. @default 5_000 */
  searchTimeoutMs?: number;
}

interface Running {
  market: MarketNode;
  client: InferenceClient;
  links: LinkPool;
  store: ReceiptStore;
  metrics: ClientMetrics;
}

/** Asks the network for answers, checks and keeps their receipts. */
export class ClientService implements Service {
  readonly kind = 'inference.client';
  readonly name: string;
  readonly after: readonly string[];
  readonly #options: ClientOptions;
  #running: Running | undefined;
  #status: ServiceStatus = 'stopped';

  constructor(options: ClientOptions) {
    this.#options = options;
    this.name = options.name ?? 'client';
    this.after = [options.node.name];
  }

  async start({log, metrics: registry}: ServiceContext): Promise<void> {
    this.#status = 'starting';
    const {node: owner, network, peerKey, receipts, protocolPrefix: prefix, searchTimeoutMs} = this.#options;
    const {node} = owner;
    const names = networkNames(prefix);
    const metrics = await clientMetrics(registry);
    const market = await MarketNode.enter({node, names, network, log, curious: true});
    const store = new ReceiptStore(receipts);
    const standing = new Standing();
    const links = new LinkPool(market, (provider, violation) => {
      metrics.violations.inc();
      standing.setBack(provider, 'failed', Date.now());
      log.warn({peer: provider, violation: violation.message}, 'a provider broke the protocol');
    });
    const book = new ReceiptBook(node.peerId.toString(), store);
    const trusted = (provider: string): boolean => !standing.banned(provider, Date.now());
    const finder = new Finder({market, network, peerKey, prefix, trusted, searchTimeoutMs});
    const client = new InferenceClient({market, finder, links, standing, book});
    this.#running = {market, client, links, store, metrics};
    this.#status = 'ready';
  }

  async stop(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    this.#status = 'stopped';
    if (running === undefined) return;
    await running.links.close();
    await running.client.settled();
    await running.market.leave();
    running.store[Symbol.dispose]();
  }

  /** Throws QuiverError with one of the codes in docs/protocol-stream.md; an abort cancels at the provider. */
  async *infer(request: InferRequest, signal: AbortSignal): AsyncGenerator<InferEvent, void> {
    const {client, metrics} = this.#started();
    try {
      for await (const event of client.infer(request, signal)) {
        if (event.event === 'end') {
          metrics.requests.inc({outcome: 'ok'});
          metrics.receipts.inc({verdict: 'valid'});
          metrics.firstToken.observe(event.firstTokenMs / 1_000);
        }
        if (event.event === 'chosen' && event.attempt > 1) metrics.retries.inc();
        yield event;
      }
    } catch (error) {
      const code = error instanceof QuiverError ? error.code : 'INTERNAL';
      metrics.requests.inc({outcome: code});
      if (code === 'RECEIPT_INVALID') metrics.receipts.inc({verdict: 'invalid'});
      throw error;
    }
  }

  /** The models on offer. Looks for providers in the DHT as long as it knows of none, for 2 s at most. */
  async models(signal: AbortSignal): Promise<ModelSummary[]> {
    const {market} = this.#started();
    const {manifests} = market.intake;
    const both = AbortSignal.any([signal, AbortSignal.timeout(MODELS_TIMEOUT_MS)]);
    const key = await providerKey(this.#options.protocolPrefix);
    const known = (): boolean => manifests.all(Date.now()).length > 0;
    while (!known() && !both.aborted) {
      for await (const provider of findProviders(market.node, key, MAX_FETCHED, both)) {
        // One that is gone keeps nobody from asking the next.
        market.ask(provider, {manifest: true}, both).catch(() => undefined);
      }
      if (!known()) await pause(RETRY_INTERVAL_MS, both);
    }
    signal.throwIfAborted();
    return summarise(manifests.all(Date.now()));
  }

  info(): ServiceInfo {
    const market = this.#running?.market;
    return {
      name: this.name,
      kind: this.kind,
      status: this.#status,
      ...(market && {peerId: market.node.peerId.toString()}),
      addresses: [],
      publicAddresses: [],
      protocol: networkNames(this.#options.protocolPrefix).infer,
      metadata: {providers: market?.intake.manifests.all(Date.now()).length ?? 0},
    };
  }

  /** A client without peers is well: it says so when asked, and finds its network later. */
  async health(): Promise<Health> {
    const providers = this.#running?.market.intake.manifests.all(Date.now()).length ?? 0;
    const ok = this.#status === 'ready';
    return {ok, checks: [{name: 'client', ok, detail: `${providers} providers known`}]};
  }

  routes(): readonly Route[] {
    return inferRoutes(this);
  }

  #started(): Running {
    if (this.#running === undefined) throw new Error(`the client "${this.name}" is not running`);
    return this.#running;
  }
}
