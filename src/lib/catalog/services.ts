import type {Config} from '../config/config.ts';
import type {NodeService} from '../p2p/node-service.ts';
import type {NodeRole} from '../p2p/roles.ts';
import type {Service} from '../service/service.ts';
import type {ConnectionSetup} from './connection-services.ts';
import type {InferenceSetup} from './inference-services.ts';
import {NODE_SERVICE_NAMES, type NodeServiceName, type ServiceName} from './service-names.ts';

export type ServiceSetup = ConnectionSetup & InferenceSetup;

/**
 * The services named. Bootstrap, relay and provider share one libp2p node that has the roles of all of them; the first
 * of them says whose section of the settings and whose key the node takes.
 */
export async function createServices(names: readonly ServiceName[], setup: ServiceSetup): Promise<Service[]> {
  const connection = await connectionServices(names, setup);
  const [first, ...others] = NODE_SERVICE_NAMES.filter((name) => names.includes(name)).toSorted(
    (a, b) => names.indexOf(a) - names.indexOf(b),
  );
  return first === undefined
    ? connection
    : [...connection, ...(await nodeServices([first, ...others], setup, connection))];
}

/** STUN, TURN with its API, signalling: they need no node. */
async function connectionServices(names: readonly ServiceName[], setup: ServiceSetup): Promise<Service[]> {
  const wanted = new Set(names);
  if (!wanted.has('stun') && !wanted.has('turn') && !wanted.has('signal')) return [];
  const [{createStun, createTurn}, {createSignal}] = await Promise.all([
    import('./connection-services.ts'),
    import('./signal-services.ts'),
  ]);
  const stun = wanted.has('stun') ? [await createStun(setup)] : [];
  const turn = wanted.has('turn') ? await createTurn(setup) : [];
  const signal = wanted.has('signal') ? [await createSignal(setup.config, turn)] : [];
  return [...stun, ...turn, ...signal];
}

async function nodeServices(
  names: readonly [NodeServiceName, ...NodeServiceName[]],
  setup: ServiceSetup,
  beside: readonly Service[],
): Promise<Service[]> {
  const {config, places} = setup;
  const [{nodeSettings}, {createNodeServices}, {createNodeSignal}] = await Promise.all([
    import('./node-settings.ts'),
    import('../p2p/role-services.ts'),
    import('./signal-services.ts'),
  ]);
  const roles = rolesOf(names, config);
  const settings = await nodeSettings(config, places, names[0], roles);
  const region = config.get('relay.region');
  const [node, ...faces] = createNodeServices({...settings, ...(region !== undefined && {region})});
  // Two peers behind NATs meet at whatever hub both know.
  const isHub = roles.includes('bootstrap') || roles.includes('relay');
  const signal = isHub ? [await createNodeSignal(node, config, beside)] : [];
  if (!names.includes('provider')) return [node, ...faces, ...signal, await market(node, config)];
  const {inferenceServices} = await import('./inference-services.ts');
  return [node, ...faces, ...signal, ...(await inferenceServices(node, settings.privateKey, setup))];
}

/** A hub that knows the market checks what it passes on, and tells newcomers at once who provides. */
async function market(node: NodeService, {profile}: Config): Promise<Service> {
  const {MarketService} = await import('../inference/market/market-service.ts');
  const network = {chainId: profile.chain.id, settlement: profile.settlement};
  return new MarketService({node, network, protocolPrefix: profile.protocolPrefix});
}

function rolesOf(names: readonly NodeServiceName[], config: Config): NodeRole[] {
  const alsoBootstrap = names.includes('provider') && config.get('network.bootstrap_mode');
  return [...new Set<NodeRole>([...names, ...(alsoBootstrap ? (['bootstrap'] as const) : [])])];
}
