import type {Config} from '../config/config.ts';
import {EXIT, QuiverError} from '../core/errors.ts';
import type {TopologyInput} from '../dns/model/read-topology.ts';
import type {DnsPorts} from '../dns/model/topology.ts';

/**
 * What the settings say of the network for DNS, with the zone as far as it is known.
 * Throws the usage error DNS_ZONE_MISSING when it isn't.
 */
export function topologyInput(config: Config, zone = config.get('dns.zone')): TopologyInput {
  if (zone === undefined) {
    throw new QuiverError({
      code: 'DNS_ZONE_MISSING',
      message: 'No zone is set',
      fix: 'Name your domain: --zone quiver.example, or for good: quiver config set dns.zone quiver.example',
      exit: EXIT.usage,
    });
  }
  return {
    zone,
    layout: config.get('dns.layout'),
    services: config.get('dns.services'),
    hosts: config.get('dns.hosts'),
    regions: config.get('dns.regions'),
    peerIds: config.get('dns.peer_ids'),
    proxied: config.get('dns.proxied'),
    https: config.get('dns.https'),
    certificateAuthorities: config.get('dns.caa'),
    email: config.get('dns.email'),
    nameServers: config.get('dns.name_servers'),
    records: config.get('dns.records'),
    ports: dnsPorts(config),
  };
}

/** Bootstraps and relays are reached on one set of ports: those of the bootstrap section. */
export function dnsPorts(config: Config): DnsPorts {
  const tcp = config.get('bootstrap.port');
  const quic = config.get('bootstrap.quic_port') ?? tcp;
  const ws = config.get('bootstrap.ws_port');
  const tls = config.get('turn.tls_port');
  return {
    p2pTcp: tcp,
    ...(quic !== false && {p2pQuic: quic}),
    ...(ws !== false && {p2pWebSocket: ws}),
    stun: config.get('stun.port'),
    turn: config.get('turn.port'),
    ...(tls !== false && {turnTls: tls}),
  };
}
