import type {Config} from '../config/config.ts';
import {paymentKeyFile, receiptsDatabase, type Places} from '../config/places.ts';
import {loadOrCreatePaymentKey} from '../identity/payment-key.ts';
import type {Backend} from '../inference/backend.ts';
import {ClientService} from '../inference/client/client-service.ts';
import {ProviderService} from '../inference/provider/provider-service.ts';
import type {NodeService, NodeServiceOptions} from '../p2p/node-service.ts';
import {createNodeServices} from '../p2p/role-services.ts';
import type {NodeRole} from '../p2p/roles.ts';
import {ReceiptStore} from '../receipts/store.ts';
import type {Service} from '../service/service.ts';
import {nodeSettings} from './node-settings.ts';
import type {ServiceName} from './service-names.ts';

export interface ServiceSetup {
  config: Config;
  places: Places;
  /** Of quiver. */
  version: string;
  /** What a provider serves. */
  backends: readonly Backend[];
}

/**
 * The services named, on one libp2p node that has the roles of all of them.
 * The first name says whose section of the settings and whose key the node takes.
 */
export async function createServices(
  names: readonly [ServiceName, ...ServiceName[]],
  setup: ServiceSetup,
): Promise<Service[]> {
  const {config, places} = setup;
  const settings = await nodeSettings(config, places, names[0], rolesOf(names, config));
  const region = config.get('relay.region');
  const [node, ...faces] = createNodeServices({...settings, ...(region !== undefined && {region})});
  const inference = names.includes('provider') ? await inferenceServices(node, settings, setup) : [];
  return [node, ...faces, ...inference];
}

function rolesOf(names: readonly ServiceName[], config: Config): NodeRole[] {
  const alsoBootstrap = names.includes('provider') && config.get('network.bootstrap_mode');
  return [...new Set<NodeRole>([...names, ...(alsoBootstrap ? (['bootstrap'] as const) : [])])];
}

/** A provider, and a client beside it, so that `quiver infer` works wherever one runs. */
async function inferenceServices(
  node: NodeService,
  {privateKey}: NodeServiceOptions,
  {config, places, version, backends}: ServiceSetup,
): Promise<Service[]> {
  const {profile} = config;
  const region = config.get('provider.region');
  const shared = {
    node,
    peerKey: privateKey,
    network: {chainId: profile.chain.id, settlement: profile.settlement},
    protocolPrefix: profile.protocolPrefix,
  };
  return [
    new ProviderService({
      ...shared,
      backends,
      paymentKey: await loadOrCreatePaymentKey(paymentKeyFile(places, 'provider')),
      prices: {priceIn: config.get('provider.price_in'), priceOut: config.get('provider.price_out')},
      limits: {maxPromptBytes: config.get('provider.max_prompt_size')},
      agentVersion: `quiver/${version}`,
      ...(region !== undefined && {region}),
    }),
    new ClientService({...shared, store: new ReceiptStore(receiptsDatabase(places))}),
  ];
}
