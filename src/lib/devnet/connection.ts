import type {Config} from '../config/config.ts';
import {turnSecretFile, type Places} from '../config/places.ts';
import type {NodeService} from '../p2p/node-service.ts';
import type {Service} from '../service/service.ts';
import {SignalNodeService} from '../signal/signal-node-service.ts';
import {SignalService} from '../signal/signal-service.ts';
import {IceApiService} from '../turn/ice-api/ice-api-service.ts';
import {loadSecrets} from '../turn/secret.ts';
import {StunService} from '../turn/stun-service.ts';
import {TurnService} from '../turn/turn-service.ts';

const HOST = '127.0.0.1';
/** On whatever port is free. */
const LISTEN = {hosts: [HOST], port: 0, tcp: true, publicAddresses: [HOST]};
/** What the system gives to nobody else by itself (RFC 6335). */
const RELAY_PORTS = [49_152, 65_535] as const;

/** STUN, TURN with its API, and signalling for one machine, by which its peers connect as they would over the internet. */
export async function connectionDevnet(config: Config, places: Places, hub: NodeService): Promise<Service[]> {
  const secrets = await loadSecrets({path: turnSecretFile(places)});
  const {protocolPrefix} = config.profile;
  const limits = {
    bindingsPerSecond: config.get('stun.rate_limit.requests_per_second'),
    bindingBurst: config.get('stun.rate_limit.burst'),
  };
  const turn = new TurnService({
    listen: LISTEN,
    relay: {addresses: [{address: HOST}], ports: RELAY_PORTS},
    realm: config.get('turn.realm'),
    secrets,
    users: new Map(),
    peers: {allow: [], deny: []},
    limits,
  });
  const iceApi = new IceApiService({port: 0, secrets: () => secrets, after: [turn.name]});
  const signal = new SignalService({
    protocolPrefix,
    host: HOST,
    port: 0,
    iceServers: (peer) => iceApi.answer(peer).ice_servers,
    after: [iceApi.name],
  });
  return [
    new StunService({listen: LISTEN, limits}),
    turn,
    iceApi,
    signal,
    new SignalNodeService({node: hub, protocolPrefix}),
  ];
}
