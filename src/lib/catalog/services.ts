import type {Config} from '../config/config.ts';
import type {Places} from '../config/places.ts';
import type {Backend} from '../inference/backend.ts';
import type {NodeService} from '../p2p/node-service.ts';
import {createNodeServices} from '../p2p/role-services.ts';
import type {NodeRole} from '../p2p/roles.ts';
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
  if (!names.includes('provider')) return [node, ...faces, await market(node, config)];
  const {inferenceServices} = await import('./inference-services.ts');
  return [node, ...faces, ...(await inferenceServices(node, settings.privateKey, setup))];
}

/** A hub that knows the market checks what it passes on, and tells newcomers at once who provides. */
async function market(node: NodeService, {profile}: Config): Promise<Service> {
  const {MarketService} = await import('../inference/market/market-service.ts');
  const network = {chainId: profile.chain.id, settlement: profile.settlement};
  return new MarketService({node, network, protocolPrefix: profile.protocolPrefix});
}

function rolesOf(names: readonly ServiceName[], config: Config): NodeRole[] {
  const alsoBootstrap = names.includes('provider') && config.get('network.bootstrap_mode');
  return [...new Set<NodeRole>([...names, ...(alsoBootstrap ? (['bootstrap'] as const) : [])])];
}
