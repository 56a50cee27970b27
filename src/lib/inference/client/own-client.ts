import type {PrivateKey} from '@libp2p/interface';
import {Registry} from 'prom-client';

import type {PaymentKey} from '../../core/secp256k1.ts';
import type {Logger} from '../../observability/logger.ts';
import type {NodeNetwork} from '../../p2p/node-options.ts';
import {NodeService} from '../../p2p/node-service.ts';
import type {Network} from '../../records/eip712.ts';
import type {Service} from '../../service/service.ts';
import type {Backend} from '../backend.ts';
import {ProviderService} from '../provider/provider-service.ts';
import {ClientService} from './client-service.ts';
import {checkInferRequest} from './infer-routes.ts';
import type {NetworkClient} from './remote-client.ts';

export interface OwnClientOptions {
  profile: NodeNetwork;
  network: Network;
  bootstrap: readonly string[];
  peerKey: PrivateKey;
  /** Path of the receipts database. */
  receipts: string;
  log: Logger;
  agentVersion: string;
  /** Also provides these, to itself and free of charge: how a model file is asked without a network. */
  serve?: {backends: readonly Backend[]; paymentKey: PaymentKey};
}

/** A short-lived node of our own that joins the network to ask, and leaves when closed. */
export async function ownClient(options: OwnClientOptions): Promise<NetworkClient> {
  const {profile, network, bootstrap, peerKey, receipts, log, serve, agentVersion} = options;
  const node = new NodeService({
    name: 'node',
    roles: ['client'],
    profile,
    privateKey: peerKey,
    listen: {host: '127.0.0.1'},
    bootstrap,
    mdns: false,
  });
  const {protocolPrefix} = profile;
  const client = new ClientService({node, peerKey, receipts, network, protocolPrefix});
  const free = {priceIn: 0n, priceOut: 0n};
  const services: Service[] = [
    node,
    ...(serve
      ? [new ProviderService({node, peerKey, network, protocolPrefix, prices: free, agentVersion, ...serve})]
      : []),
    client,
  ];
  const started: Service[] = [];
  const close = async (): Promise<void> => {
    for (const service of started.splice(0).toReversed()) await service.stop();
  };
  try {
    const context = {signal: new AbortController().signal, log, metrics: new Registry(), find: () => undefined};
    for (const service of services) {
      await service.start(context);
      started.push(service);
    }
  } catch (error) {
    await close();
    throw error;
  }
  return {
    infer: (request, signal) => client.infer(checkInferRequest(request), signal),
    models: (signal) => client.models(signal),
    close,
  };
}
