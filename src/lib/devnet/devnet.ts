import {LocalChainService, type LocalChainServiceOptions} from '../chain/local/local-chain-service.ts';
import type {Config} from '../config/config.ts';
import {paymentKeyFile, peerKeyFile, receiptsDatabase, type Places} from '../config/places.ts';
import {loadOrCreatePaymentKey} from '../identity/payment-key.ts';
import {loadOrCreatePeerKey} from '../identity/peer-key.ts';
import type {Backend} from '../inference/backend.ts';
import {ClientService} from '../inference/client/client-service.ts';
import {MarketService} from '../inference/market/market-service.ts';
import {ProviderService} from '../inference/provider/provider-service.ts';
import type {ListenOptions} from '../p2p/listen.ts';
import {NodeService} from '../p2p/node-service.ts';
import {createNodeServices} from '../p2p/role-services.ts';
import type {Service, ServiceContext} from '../service/service.ts';
import {connectionDevnet} from './connection.ts';

/**
 * Everything stays on this machine, on ports that nobody else has. No QUIC: its dialling socket is bound to all
 * interfaces, and here nothing is to be open to them.
 */
const HUB_SOCKETS: ListenOptions = {host: '127.0.0.1', tcp: 0, ws: 0};
const SOCKETS: ListenOptions = {host: '127.0.0.1', tcp: 0};

const HUB_NODE = 'hub-node';

export interface DevnetOptions {
  config: Config;
  places: Places;
  backends: readonly Backend[];
  /** Of quiver. */
  version: string;
  /** Told of the accounts of the local chain when they are made. */
  onAccountsCreated: NonNullable<LocalChainServiceOptions['onAccountsCreated']>;
}

/**
 * A whole network for one machine: a bootstrap that is also a relay, a provider and a client, three libp2p nodes with
 * identities of their own that talk over loopback sockets, what connects peers (STUN, TURN, signalling), and a chain
 * with the contracts on it.
 */
export async function createDevnet({
  config,
  places,
  backends,
  version,
  onAccountsCreated,
}: DevnetOptions): Promise<Service[]> {
  const [hubKey, providerKey, clientKey, paymentKey] = await Promise.all([
    loadOrCreatePeerKey(peerKeyFile(places, 'bootstrap')),
    loadOrCreatePeerKey(peerKeyFile(places, 'provider')),
    loadOrCreatePeerKey(peerKeyFile(places, 'client')),
    loadOrCreatePaymentKey(paymentKeyFile(places, 'provider')),
  ]);
  const {profile} = config;
  const {protocolPrefix, settlement, chain} = profile;
  const shared = {profile: {...profile, loopbackOnly: true}, mdns: false};
  const network = {chainId: chain.id, settlement};

  const [hubNode, ...hubFaces] = createNodeServices({
    ...shared,
    name: HUB_NODE,
    roles: ['bootstrap', 'relay'],
    privateKey: hubKey,
    listen: HUB_SOCKETS,
    bootstrap: [],
  });
  const joining = {...shared, after: [HUB_NODE], bootstrap: hubAddresses};
  const providerNode = new NodeService({
    ...joining,
    name: 'provider-node',
    roles: ['provider'],
    privateKey: providerKey,
    listen: SOCKETS,
  });
  const provider = new ProviderService({
    node: providerNode,
    backends,
    peerKey: providerKey,
    paymentKey,
    network,
    protocolPrefix,
    prices: {priceIn: config.get('provider.price_in'), priceOut: config.get('provider.price_out')},
    agentVersion: `quiver/${version}`,
  });
  const clientNode = new NodeService({
    ...joining,
    name: 'client-node',
    roles: ['client'],
    privateKey: clientKey,
    listen: SOCKETS,
  });
  const client = new ClientService({
    node: clientNode,
    peerKey: clientKey,
    receipts: receiptsDatabase(places),
    network,
    protocolPrefix,
  });
  const market = new MarketService({node: hubNode, network, protocolPrefix});
  const localChain = new LocalChainService({profile, places, port: 0, version, onAccountsCreated});
  const ownChain = profile.loopbackOnly ? [localChain] : [];
  const connection = await connectionDevnet(config, places, hubNode);
  return [...ownChain, hubNode, ...hubFaces, market, ...connection, providerNode, provider, clientNode, client];
}

/** Where the hub listens; its ports are known once it is up. */
function hubAddresses(context: ServiceContext): readonly string[] {
  return context.find('network.node')?.info().publicAddresses ?? [];
}
