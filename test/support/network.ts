import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';

import {generateKeyPair} from '@libp2p/crypto/keys';
import type {PrivateKey} from '@libp2p/interface';
import pino from 'pino';
import {Registry} from 'prom-client';

import {generatePaymentSecret, paymentKeyFromBytes} from '../../src/lib/core/secp256k1.ts';
import type {PaymentKey} from '../../src/lib/core/secp256k1.ts';
import type {Backend} from '../../src/lib/inference/backend.ts';
import {ClientService} from '../../src/lib/inference/client/client-service.ts';
import type {ClientOptions} from '../../src/lib/inference/client/client-service.ts';
import type {InferEvent, InferRequest} from '../../src/lib/inference/client/infer-types.ts';
import {MarketService} from '../../src/lib/inference/market/market-service.ts';
import {ProviderService} from '../../src/lib/inference/provider/provider-service.ts';
import type {ProviderOptions} from '../../src/lib/inference/provider/provider-options.ts';
import {NodeService} from '../../src/lib/p2p/node-service.ts';
import type {NodeRole} from '../../src/lib/p2p/roles.ts';
import {ReceiptStore} from '../../src/lib/receipts/store.ts';
import type {Service, ServiceContext} from '../../src/lib/service/service.ts';

/** Tenths of a second on a free machine; others may use this one too. */
const PATIENCE_MS = 60_000;
const ZERO_ADDRESS = `0x${'0'.repeat(40)}`;
export const TEST_NETWORK = {chainId: 31_337, settlement: ZERO_ADDRESS};
export const TEST_PREFIX = '/quiver/test';
const PROFILE = {name: 'test', protocolPrefix: TEST_PREFIX, loopbackOnly: true, relayNodes: []};

export interface TestProvider {
  node: NodeService;
  service: ProviderService;
  peerKey: PrivateKey;
  paymentKey: PaymentKey;
  peerId: string;
  /** As a kill -9 looks from outside: connections drop, nothing is said. */
  kill(): Promise<void>;
}

export interface TestClient {
  node: NodeService;
  service: ClientService;
  store: ReceiptStore;
  peerId: string;
  /** All events of one answer. */
  ask(request: Partial<InferRequest> & {prompt?: string}, signal?: AbortSignal): Promise<InferEvent[]>;
}

/** Nodes of one network on loopback, in this process; everything it has started is stopped with it. */
export class TestNetwork implements AsyncDisposable {
  /** Every line that any service has logged, at the finest level. */
  readonly logged: string[] = [];
  readonly #options: {serveDht: boolean};
  readonly #services: Service[] = [];
  readonly #folder = mkdtempSync(join(tmpdir(), 'quiver-network-'));
  readonly #stores: ReceiptStore[] = [];
  readonly #registries = new Map<Service, Registry>();
  #bootstrap: readonly string[] = [];

  /** Without `serveDht` only the bootstrap holds DHT records: else each of twenty nodes in one process dials all others. */
  constructor(options = {serveDht: true}) {
    this.#options = options;
  }

  get bootstrap(): readonly string[] {
    return this.#bootstrap;
  }

  /** With `relayed` it has no socket of its own, and is reached through the bootstrap, which is a relay too. */
  async addNode(roles: readonly NodeRole[], peerKey?: PrivateKey, {relayed = false} = {}): Promise<NodeService> {
    const node = new NodeService({
      name: `${roles[0]}-${this.#services.length}`,
      roles,
      profile: relayed ? {...PROFILE, relayNodes: this.#bootstrap} : PROFILE,
      privateKey: peerKey ?? (await generateKeyPair('Ed25519')),
      listen: relayed ? {host: '127.0.0.1'} : {host: '127.0.0.1', tcp: 0},
      bootstrap: this.#bootstrap,
      mdns: false,
      serveDht: this.#options.serveDht || roles.includes('bootstrap'),
    });
    await this.start(node);
    return node;
  }

  async addBootstrap(): Promise<NodeService> {
    const node = await this.addNode(['bootstrap', 'relay']);
    await this.start(
      new MarketService({name: `market-of-${node.name}`, node, network: TEST_NETWORK, protocolPrefix: TEST_PREFIX}),
    );
    this.joinThrough(node);
    return node;
  }

  /** Nodes added from now on join through this one. */
  joinThrough({node}: NodeService): void {
    this.joinThroughAddresses(node.getMultiaddrs().map(String));
  }

  joinThroughAddresses(addresses: readonly string[]): void {
    this.#bootstrap = addresses;
  }

  async addProvider(
    backend: Backend,
    {relayed = false, ...options}: Partial<ProviderOptions> & {relayed?: boolean} = {},
  ): Promise<TestProvider> {
    const peerKey = await generateKeyPair('Ed25519');
    const paymentKey = paymentKeyFromBytes(generatePaymentSecret());
    const node = await this.addNode(['provider'], peerKey, {relayed});
    const service = new ProviderService({
      name: `service-of-${node.name}`,
      node,
      backends: [backend],
      peerKey,
      paymentKey,
      network: TEST_NETWORK,
      protocolPrefix: TEST_PREFIX,
      prices: {priceIn: 1_000n, priceOut: 2_000n},
      agentVersion: 'test',
      ...options,
    });
    await this.start(service);
    const kill = async (): Promise<void> => {
      for (const connection of node.node.getConnections()) connection.abort(new Error('killed'));
      await node.stop();
    };
    return {node, service, peerKey, paymentKey, peerId: node.node.peerId.toString(), kill};
  }

  async addClient(options: Partial<ClientOptions> = {}): Promise<TestClient> {
    const peerKey = await generateKeyPair('Ed25519');
    return this.#client(await this.addNode(['client'], peerKey), peerKey, options);
  }

  /** A client on the node of a provider, as `provider start` has it. */
  addClientOn({node, peerKey}: TestProvider): Promise<TestClient> {
    return this.#client(node, peerKey, {});
  }

  /** Waits until a client knows so many providers. */
  async known({service}: TestClient, count: number): Promise<void> {
    const deadline = performance.now() + PATIENCE_MS;
    while (Number(service.info().metadata['providers']) < count) {
      if (performance.now() > deadline)
        throw new Error(`only ${String(service.info().metadata['providers'])} of ${count} providers are known`);
      await service.models(AbortSignal.timeout(5_000));
      await sleep(25);
    }
  }

  async #client(node: NodeService, peerKey: PrivateKey, options: Partial<ClientOptions>): Promise<TestClient> {
    const receipts = join(this.#folder, `${this.#services.length}.db`);
    const service = new ClientService({
      name: `service-of-${node.name}`,
      node,
      peerKey,
      receipts,
      network: TEST_NETWORK,
      protocolPrefix: TEST_PREFIX,
      ...options,
    });
    await this.start(service);
    // A second look at the same file, as `quiver receipts` has it.
    const store = new ReceiptStore(receipts);
    this.#stores.push(store);
    const ask: TestClient['ask'] = async (
      {prompt = 'Say ten words.', ...request},
      signal = AbortSignal.timeout(PATIENCE_MS),
    ) => {
      const messages = [{role: 'user', content: prompt}] as const;
      return Array.fromAsync(service.infer({messages, ...request}, signal));
    };
    return {node, service, store, peerId: node.node.peerId.toString(), ask};
  }

  async start(service: Service): Promise<void> {
    const registry = new Registry();
    this.#registries.set(service, registry);
    await service.start(this.context(registry));
    this.#services.push(service);
  }

  /** The value of a metric of one service, summed over its labels. */
  async metric(service: Service, name: string): Promise<number> {
    const metric = await this.#registries.get(service)?.getSingleMetric(name)?.get();
    return (metric?.values ?? []).reduce((sum, {value}) => sum + value, 0);
  }

  context(metrics: Registry): ServiceContext {
    const log = pino({level: 'trace'}, {write: (line: string) => void this.logged.push(line)});
    return {
      signal: new AbortController().signal,
      log,
      metrics,
      find: (kind) => this.#services.find((service) => service.kind === kind),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const store of this.#stores) store[Symbol.dispose]();
    for (const service of this.#services.toReversed()) await service.stop().catch(() => undefined);
    rmSync(this.#folder, {recursive: true});
  }
}

/** The text of an answer. */
export function textOf(events: readonly InferEvent[]): string {
  return events.map((event) => (event.event === 'token' ? event.text : '')).join('');
}
