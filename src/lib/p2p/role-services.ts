import type {Health, Service, ServiceContext, ServiceInfo} from '../service/service.ts';
import {NodeService} from './node-service.ts';
import type {NodeServiceOptions} from './node-service.ts';
import {HOP_PROTOCOL} from './relay/messages.ts';

/** A node's face as a bootstrap: the address that others join through. */
export class BootstrapService implements Service {
  readonly kind = 'network.bootstrap';
  readonly name = 'bootstrap';
  readonly after: readonly string[];
  readonly #node: NodeService;

  constructor(node: NodeService) {
    this.#node = node;
    this.after = [node.name];
  }

  async start(): Promise<void> {
    // Everything it does is the node's.
  }

  async stop(): Promise<void> {
    // The node stops itself.
  }

  info(): ServiceInfo {
    const node = this.#node.info();
    return {...node, name: this.name, kind: this.kind, metadata: {}};
  }

  async health(): Promise<Health> {
    const mode = this.#node.node.services.dht.getMode();
    return {ok: mode === 'server', checks: [{name: 'dht', ok: mode === 'server', detail: `${mode} mode`}]};
  }
}

export interface RelayServiceOptions {
  /** Where it stands, e.g. `eu-west`. */
  region?: string;
}

/** A node's face as a relay: how many slots it holds, and a drain that grants no new ones. */
export class RelayService implements Service {
  readonly kind = 'network.relay';
  readonly name = 'relay';
  readonly after: readonly string[];
  readonly #node: NodeService;
  readonly #options: RelayServiceOptions;

  constructor(node: NodeService, options: RelayServiceOptions = {}) {
    this.#node = node;
    this.#options = options;
    this.after = [node.name];
  }

  async start({metrics}: ServiceContext): Promise<void> {
    const {registerRelayMetrics} = await import('./node-metrics.ts');
    await registerRelayMetrics(metrics, this.#relay());
  }

  async drain(): Promise<void> {
    this.#relay().drain();
  }

  async stop(): Promise<void> {
    // The node stops its relay.
  }

  info(): ServiceInfo {
    const node = this.#node.info();
    const {region} = this.#options;
    const stats = node.status === 'stopped' ? undefined : this.#relay().stats();
    return {
      ...node,
      name: this.name,
      kind: this.kind,
      protocol: HOP_PROTOCOL,
      metadata: {
        ...(region === undefined ? {} : {region}),
        reservations: stats?.reservations ?? 0,
        circuits: stats?.circuits ?? 0,
      },
    };
  }

  async health(): Promise<Health> {
    const ok = this.#node.node.getProtocols().includes(HOP_PROTOCOL);
    return {ok, checks: [{name: 'relay', ok, detail: HOP_PROTOCOL}]};
  }

  #relay() {
    const {relay} = this.#node.node.services;
    if (relay === undefined) throw new Error('the node does not have the role relay');
    return relay;
  }
}

/** A node and the faces of its public roles, in the order in which they start. */
export function createNodeServices(options: NodeServiceOptions & RelayServiceOptions): [NodeService, ...Service[]] {
  const node = new NodeService(options);
  return [
    node,
    ...(options.roles.includes('bootstrap') ? [new BootstrapService(node)] : []),
    ...(options.roles.includes('relay') ? [new RelayService(node, options)] : []),
  ];
}
