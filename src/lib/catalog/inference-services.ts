import type {PrivateKey} from '@libp2p/interface';

import type {Config} from '../config/config.ts';
import {paymentKeyFile, receiptsDatabase, type Places} from '../config/places.ts';
import {loadOrCreatePaymentKey} from '../identity/payment-key.ts';
import type {Backend} from '../inference/backend.ts';
import {ClientService} from '../inference/client/client-service.ts';
import {ProviderService} from '../inference/provider/provider-service.ts';
import type {NodeService} from '../p2p/node-service.ts';
import type {Service} from '../service/service.ts';

export interface InferenceSetup {
  config: Config;
  places: Places;
  /** Of quiver. */
  version: string;
  /** What a provider serves. */
  backends: readonly Backend[];
}

/** A provider, and a client beside it, so that `quiver infer` works wherever one runs. */
export async function inferenceServices(
  node: NodeService,
  peerKey: PrivateKey,
  {config, places, version, backends}: InferenceSetup,
): Promise<Service[]> {
  const {profile} = config;
  const region = config.get('provider.region');
  const shared = {
    node,
    peerKey,
    network: {chainId: profile.chain.id, settlement: profile.settlement},
    protocolPrefix: profile.protocolPrefix,
  };
  return [
    new ProviderService({
      ...shared,
      name: config.get('provider.name'),
      backends,
      paymentKey: await loadOrCreatePaymentKey(paymentKeyFile(places, 'provider')),
      prices: {priceIn: config.get('provider.price_in'), priceOut: config.get('provider.price_out')},
      limits: {maxPromptBytes: config.get('provider.max_prompt_size')},
      agentVersion: `quiver/${version}`,
      ...(region !== undefined && {region}),
    }),
    new ClientService({...shared, receipts: receiptsDatabase(places)}),
  ];
}
