import type {QuiverNode} from '../../p2p/node-options.ts';
import {networkNames} from '../../p2p/protocols.ts';
import type {Network} from '../../records/eip712.ts';
import type {Health, Service, ServiceContext, ServiceInfo} from '../../service/service.ts';
import {MarketNode} from './market-node.ts';

export interface MarketOptions {
  /** @default 'market' */
  name?: string;
  node: {readonly name: string; readonly node: QuiverNode};
  network: Network;
  /** `/quiver/<profile>`. */
  protocolPrefix: string;
}

/**
 * The market on a node that neither asks nor provides, e.g. a bootstrap: checks gossip before passing it on, and tells
 * newcomers which providers there are.
 */
export class MarketService implements Service {
  readonly kind = 'inference.market';
  readonly name: string;
  readonly after: readonly string[];
  readonly #options: MarketOptions;
  #market: MarketNode | undefined;

  constructor(options: MarketOptions) {
    this.#options = options;
    this.name = options.name ?? 'market';
    this.after = [options.node.name];
  }

  async start({log}: ServiceContext): Promise<void> {
    const {node, network, protocolPrefix} = this.#options;
    this.#market = await MarketNode.enter({
      node: node.node,
      names: networkNames(protocolPrefix),
      network,
      log,
      curious: true,
    });
  }

  async stop(): Promise<void> {
    const market = this.#market;
    this.#market = undefined;
    await market?.leave();
  }

  info(): ServiceInfo {
    const market = this.#market;
    return {
      name: this.name,
      kind: this.kind,
      status: market === undefined ? 'stopped' : 'ready',
      ...(market && {peerId: market.node.peerId.toString()}),
      addresses: [],
      publicAddresses: [],
      protocol: networkNames(this.#options.protocolPrefix).bids,
      metadata: {providers: market?.intake.manifests.all(Date.now()).length ?? 0},
    };
  }

  async health(): Promise<Health> {
    const ok = this.#market !== undefined;
    return {ok, checks: [{name: 'market', ok}]};
  }
}
