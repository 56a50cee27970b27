import type {Config} from '../config/config.ts';
import {paymentKeyFile, receiptsDatabase, type Places} from '../config/places.ts';
import {loadOrCreatePaymentKey} from '../identity/payment-key.ts';
import type {Backend} from '../inference/backend.ts';
import {ClientService} from '../inference/client/client-service.ts';
import type {Prices} from '../inference/provider/desk.ts';
import {ProviderService} from '../inference/provider/provider-service.ts';
import type {NodeRole} from '../p2p/roles.ts';
import {createNodeServices} from '../p2p/role-services.ts';
import {ReceiptStore} from '../receipts/store.ts';
import type {Service} from '../service/service.ts';
import {nodeSettings} from './node-settings.ts';

export interface ProviderSetup {
  config: Config;
  places: Places;
  version: string;
  prices: Prices;
  backends: readonly Backend[];
}

/** A provider with everything it needs: its node, its back ends, and a client, so that `quiver infer` works beside it. */
export async function providerServices(setup: ProviderSetup): Promise<Service[]> {
  const {config, places, version, prices, backends} = setup;
  const {profile} = config;
  const roles: NodeRole[] = config.get('network.bootstrap_mode') ? ['provider', 'bootstrap'] : ['provider'];
  const settings = await nodeSettings(config, places, 'provider', roles);
  const paymentKey = await loadOrCreatePaymentKey(paymentKeyFile(places, 'provider'));
  const [node, ...faces] = createNodeServices(settings);
  const region = config.get('provider.region');
  const shared = {
    node,
    peerKey: settings.privateKey,
    network: {chainId: profile.chain.id, settlement: profile.settlement},
    protocolPrefix: profile.protocolPrefix,
  };
  return [
    node,
    ...faces,
    new ProviderService({
      ...shared,
      backends,
      paymentKey,
      prices,
      agentVersion: `quiver/${version}`,
      ...(region !== undefined && {region}),
    }),
    new ClientService({...shared, store: new ReceiptStore(receiptsDatabase(places))}),
  ];
}
