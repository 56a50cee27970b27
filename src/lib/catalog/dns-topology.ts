import type {Config} from '../config/config.ts';
import {EXIT, QuiverError} from '../core/errors.ts';
import type {TopologyInput} from '../dns/model/read-topology.ts';
import type {DnsPorts, NodePorts} from '../dns/model/topology.ts';

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

/**
 * What is served by these settings. TLS of STUN and TURN is, unless its port is off: the certificate lies on their own
 * hosts, whose settings need not be the ones that a zone is written from.
 */
export function dnsPorts(config: Config): DnsPorts {
  const [stun, turn] = [fixed(config.get('stun.port')), fixed(config.get('turn.port'))];
  return {
    bootstrap: nodePorts(config, 'bootstrap'),
    relay: nodePorts(config, 'relay'),
    stun: {udp: stun, tcp: stun, tls: fixed(config.get('stun.tls_port'))},
    turn: {udp: turn, tcp: config.get('turn.tcp') ? turn : undefined, tls: fixed(config.get('turn.tls_port'))},
  };
}

function nodePorts(config: Config, section: 'bootstrap' | 'relay'): NodePorts {
  const tcp = config.get(`${section}.port`);
  return {
    tcp: fixed(tcp),
    quic: fixed(config.get(`${section}.quic_port`) ?? tcp),
    webSocket: fixed(config.get(`${section}.ws_port`)),
  };
}

/** Off, and any free one (0), are nothing that could be published. */
function fixed(port: number | false): number | undefined {
  return port === false || port === 0 ? undefined : port;
}
