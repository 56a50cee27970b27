import {join} from 'node:path';

import type {Places} from '../../config/places.ts';
import type {NetworkProfile} from '../../config/profile.ts';
import {QuiverError} from '../../core/errors.ts';
import type {Logger} from '../../observability/logger.ts';
import type {Health, Route, Service, ServiceContext, ServiceInfo, ServiceStatus} from '../../service/service.ts';
import {RpcClient} from '../rpc.ts';
import {loadOrCreateLocalAccounts, localAccountsFile, localChainFolder, type LocalAccount} from './accounts.ts';
import {localChainRoutes} from './control-routes.ts';
import {LocalChain} from './local-chain.ts';
import {serveRpc, type RpcServer} from './rpc-server.ts';

export interface LocalChainServiceOptions {
  profile: NetworkProfile;
  places: Places;
  /** Of the JSON-RPC server; 0 for any free one. */
  port: number;
  /** Of quiver. */
  version: string;
  /** Deploy the contracts and hand out QUIV, if that wasn't done. @default true */
  contracts?: boolean;
  /** Told once, when the accounts are made, with the file that has their keys. */
  onAccountsCreated?: (accounts: readonly LocalAccount[], file: string) => void;
}

/** The local chain as a service of a host: an EVM in this process behind JSON-RPC on loopback. */
export class LocalChainService implements Service {
  readonly name = 'chain';
  readonly kind = 'chain.local';
  readonly #options: LocalChainServiceOptions;
  readonly #stopping = new AbortController();
  #status: ServiceStatus = 'stopped';
  #chain: LocalChain | undefined;
  #server: RpcServer | undefined;
  #accounts: readonly LocalAccount[] = [];

  constructor(options: LocalChainServiceOptions) {
    this.#options = options;
  }

  /** Errors: those of `LocalChain.open`, PORT_IN_USE, and whatever a deployment can fail with. */
  async start({signal, log}: ServiceContext): Promise<void> {
    const {profile, places, onAccountsCreated} = this.#options;
    this.#status = 'starting';
    const folder = localChainFolder(places, profile.name);
    const {accounts, created} = await loadOrCreateLocalAccounts(folder);
    this.#accounts = accounts;
    this.#chain = await LocalChain.open({
      chainId: profile.chain.id,
      accounts: accounts.map(({address}) => address),
      path: join(folder, 'blocks.db'),
    });
    const {blocks, ms} = this.#chain.replayed;
    if (blocks > 0) log.info({blocks, ms: Math.round(ms)}, 'replayed the local chain');
    await this.#serve(log);
    if (this.#options.contracts ?? true) await this.#setUp(signal);
    this.#status = 'ready';
    if (created) onAccountsCreated?.(accounts, localAccountsFile(folder));
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#server?.close();
    await this.#chain?.close();
    this.#server = undefined;
    this.#chain = undefined;
    this.#status = 'stopped';
  }

  info(): ServiceInfo {
    const {profile} = this.#options;
    const addresses = this.#server === undefined ? [] : [this.#server.url];
    return {
      name: this.name,
      kind: this.kind,
      status: this.#status,
      addresses,
      publicAddresses: [],
      metadata: {
        chainId: profile.chain.id,
        block: this.#chain?.latest.number ?? 0,
        accounts: this.#accounts.map(({name, address}) => ({name, address})),
      },
    };
  }

  /** Asks the chain through its own socket. */
  async health(signal: AbortSignal): Promise<Health> {
    const {profile} = this.#options;
    const {id, name} = profile.chain;
    const rpc = new RpcClient({urls: [this.#server?.url ?? ''], chainId: id, chainName: name, signal});
    const block = Number(await rpc.request('eth_blockNumber', []));
    return {ok: true, checks: [{name: 'json-rpc', ok: true, detail: `block ${block}`}]};
  }

  routes(): readonly Route[] {
    return localChainRoutes({
      chain: () => this.#chain,
      url: () => this.#server?.url,
      accounts: () => this.#accounts,
      profile: this.#options.profile,
      places: this.#options.places,
    });
  }

  async #serve(log: Logger): Promise<void> {
    const {port, version} = this.#options;
    if (this.#chain === undefined) return;
    this.#server = await serveRpc({chain: this.#chain, port, version, log, stopping: this.#stopping.signal});
  }

  async #setUp(signal: AbortSignal): Promise<void> {
    const {profile, places} = this.#options;
    const [{setUpLocal}, {readDeployments, writeDeployments}] = await Promise.all([
      import('./set-up.ts'),
      import('../deploy/deployments.ts'),
    ]);
    const before = await readDeployments(places, profile.name);
    const url = this.#server?.url ?? '';
    const setUp = setUpLocal({profile, url, accounts: this.#accounts, before, signal});
    const deployments = await setUp.catch((error: unknown) => {
      throw isOtherSet(error) ? chainOutdated(localChainFolder(places, profile.name), error) : error;
    });
    await writeDeployments(places, profile.name, deployments);
  }
}

/** The contracts follow from the accounts, so other ones mean that other sources were compiled. */
function isOtherSet(error: unknown): boolean {
  return error instanceof QuiverError && error.code === 'DEPLOY_WIRED';
}

function chainOutdated(folder: string, cause: unknown): QuiverError {
  return new QuiverError({
    code: 'LOCAL_CHAIN_OUTDATED',
    message: 'This local chain has the contracts of another version of quiver on it',
    fix: `mv '${folder}' '${folder}.old'   (the next start makes a new chain with new accounts)`,
    cause,
  });
}
