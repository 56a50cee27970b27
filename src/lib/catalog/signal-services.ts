import type {Config} from '../config/config.ts';
import {QuiverError} from '../core/errors.ts';
import type {NodeService} from '../p2p/node-service.ts';
import type {Service} from '../service/service.ts';
import type {IceServersFor} from '../signal/exchange.ts';
import type {SignalServiceOptions} from '../signal/signal-service.ts';
import {isLoopback} from '../turn/ice-api/access.ts';
import type {IceApiService} from '../turn/ice-api/ice-api-service.ts';
import {tlsFiles} from './tls-files.ts';

/** Signalling over WebSocket and HTTP; who joins is told the ICE servers of this process. */
export async function createSignal(config: Config, beside: readonly Service[]): Promise<Service> {
  const {SignalService} = await import('../signal/signal-service.ts');
  return new SignalService({...signalOptions(config), iceServers: iceServersOf(beside, config)});
}

/** The same rooms for whoever comes over libp2p. */
export async function createNodeSignal(
  node: NodeService,
  config: Config,
  beside: readonly Service[],
): Promise<Service> {
  const {SignalNodeService} = await import('../signal/signal-node-service.ts');
  const {protocolPrefix} = config.profile;
  return new SignalNodeService({
    node,
    protocolPrefix,
    allowedPeers: config.get('signal.allow_peers'),
    iceServers: iceServersOf(beside, config),
  });
}

function signalOptions(config: Config): SignalServiceOptions {
  const {profile} = config;
  const tls = tlsFiles('signal', config);
  return {
    protocolPrefix: profile.protocolPrefix,
    // Starting a server of a public network is the telling to open it to that network.
    host: config.get('signal.host') ?? (profile.loopbackOnly ? '127.0.0.1' : '0.0.0.0'),
    port: config.get('signal.port'),
    publicUrls: config.get('signal.public_urls'),
    origins: config.get('signal.origins'),
    trustedProxies: config.get('signal.trusted_proxies'),
    allowedPeers: config.get('signal.allow_peers'),
    redisUrl: config.get('signal.redis_url'),
    tls,
  };
}

/**
 * Those of the ICE servers API in this process; none where it has none, or nothing to list yet. Anybody can make a key
 * and join: where strangers can, they get credentials here on the terms of the API itself.
 */
function iceServersOf(beside: readonly Service[], config: Config): IceServersFor {
  const api = beside.find(isIceApi);
  const mayRelay = config.get('turn.ice_api.public') || !strangersMayJoin(config);
  return (peer) => {
    try {
      return api?.answer(peer, mayRelay).ice_servers ?? [];
    } catch (error) {
      if (error instanceof QuiverError && error.code === 'ICE_NO_SERVERS') return [];
      throw error;
    }
  };
}

function strangersMayJoin(config: Config): boolean {
  const host = config.get('signal.host');
  const onlyHere = config.profile.loopbackOnly && (host === undefined || isLoopback(host));
  return !onlyHere && config.get('signal.allow_peers').length === 0;
}

function isIceApi(service: Service): service is IceApiService {
  return service.kind === 'network.ice-api';
}
