import type {
  Health,
  HealthCheck,
  Route,
  Service,
  ServiceContext,
  ServiceInfo,
  ServiceStatus,
} from '../service/service.ts';
import {createNode} from './create-node.ts';
import type {NodeOptions, QuiverNode} from './node-options.ts';
import {nodeRoutes} from './node-routes.ts';
import {checkSocket} from './self-check.ts';

export interface NodeServiceOptions extends Omit<NodeOptions, 'log' | 'bootstrap'> {
  name: string;
  /** Names of services that have to be up first, e.g. a bootstrap of the same process. */
  after?: readonly string[];
  /** A function where the addresses are known only once other services of the process are up. */
  bootstrap: readonly string[] | ((context: ServiceContext) => readonly string[]);
}

/** A libp2p node as a service; what else runs on it finds it by the kind `network.node`. */
export class NodeService implements Service {
  readonly kind = 'network.node';
  readonly name: string;
  readonly after: readonly string[];
  readonly #options: NodeServiceOptions;
  #node: QuiverNode | undefined;
  #status: ServiceStatus = 'stopped';

  constructor(options: NodeServiceOptions) {
    this.#options = options;
    this.name = options.name;
    this.after = options.after ?? [];
  }

  /** Throws before `start` has resolved. */
  get node(): QuiverNode {
    if (this.#node === undefined) throw new Error(`the node "${this.name}" is not running`);
    return this.#node;
  }

  async start(context: ServiceContext): Promise<void> {
    this.#status = 'starting';
    const {bootstrap, ...options} = this.#options;
    const addresses = typeof bootstrap === 'function' ? bootstrap(context) : bootstrap;
    const node = await createNode({...options, bootstrap: addresses, log: context.log});
    if (context.signal.aborted) {
      await node.stop();
      context.signal.throwIfAborted();
    }
    this.#node = node;
    const {registerNodeMetrics} = await import('./node-metrics.ts');
    await registerNodeMetrics(context.metrics, node);
    this.#status = 'ready';
  }

  async stop(): Promise<void> {
    const node = this.#node;
    this.#node = undefined;
    this.#status = 'stopped';
    await node?.stop();
  }

  info(): ServiceInfo {
    const node = this.#node;
    const self = node === undefined ? '' : `/p2p/${node.peerId.toString()}`;
    return {
      name: this.name,
      kind: this.kind,
      status: this.#status,
      ...(node && {peerId: node.peerId.toString()}),
      addresses: node?.services.sockets.addresses().map((address) => `${address.toString()}${self}`) ?? [],
      publicAddresses: node?.getMultiaddrs().map(String) ?? [],
      protocol: this.#options.profile.protocolPrefix,
      metadata: {roles: this.#options.roles, peers: node?.getPeers().length ?? 0},
    };
  }

  async health(signal: AbortSignal): Promise<Health> {
    const checks = [await this.#checkListening(signal), this.#checkBootstraps()];
    return {ok: checks.every(({ok}) => ok), checks};
  }

  routes(): readonly Route[] {
    return nodeRoutes(() => this.node);
  }

  async #checkListening(signal: AbortSignal): Promise<HealthCheck> {
    const name = 'listening';
    const tcp = this.node.services.sockets.addresses().find((address) => {
      const protocols = address.getComponents().map((part) => part.name);
      return protocols.length === 2 && protocols[1] === 'tcp';
    });
    if (tcp === undefined) return {name, ok: this.node.status === 'started', detail: 'no TCP socket to dial'};
    const [host, port] = tcp.getComponents();
    try {
      await checkSocket(host?.value ?? '', Number(port?.value), signal);
      return {name, ok: true, detail: tcp.toString()};
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const fix = 'Look at the log; if its connection limits are reached, raise network.connection_limits.max_peers';
      return {name, ok: false, detail: `${tcp.toString()} does not answer: ${reason}`, fix};
    }
  }

  /** Never a failure: a node that knows its peers works without any bootstrap. */
  #checkBootstraps(): HealthCheck {
    const named = this.node.services.rejoin.peers();
    const connected = named.filter((peer) => peer.connected).length;
    return {name: 'bootstraps', ok: true, detail: `${connected} of ${named.length} connected`};
  }
}
