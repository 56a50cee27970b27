import type {RecordSet} from './record-set.ts';
import type {ServiceLabel} from './services.ts';

/**
 * `single`: everything on one host. `distributed`: an address for each service and node. `cloud`: names of hosted
 * platforms, which become CNAMEs; addresses are allowed beside them.
 */
export const LAYOUTS = ['single', 'distributed', 'cloud'] as const;
export type Layout = (typeof LAYOUTS)[number];

/** Where a name leads: addresses, or the name of somebody else's host. */
export type Target =
  | {readonly kind: 'addresses'; readonly ipv4: readonly string[]; readonly ipv6: readonly string[]}
  | {readonly kind: 'hostname'; /** Without the final dot. */ readonly hostname: string};

/** One service, or one of its numbered nodes. */
export interface DnsNode {
  readonly service: ServiceLabel;
  /** From 1; undefined where a service is not numbered. */
  readonly index?: number;
  readonly target: Target;
  /** A label, e.g. `eu-west`. */
  readonly region?: string;
  /** Base58. Without it a node is not in the dnsaddr tree, since nobody could check whom they reached. */
  readonly peerId?: string;
}

export interface NameServer {
  /** Absolute, without the final dot. */
  readonly name: string;
  /** Needed inside the zone, where it is the only way to the server (RFC 1034 section 4.2.1). */
  readonly addresses: readonly string[];
}

/** Where libp2p nodes of one kind are dialled; undefined for what isn't served. */
export interface NodePorts {
  readonly tcp?: number | undefined;
  readonly quic?: number | undefined;
  readonly webSocket?: number | undefined;
}

/** Where a STUN or TURN server is asked; undefined for what isn't served. */
export interface ServerPorts {
  readonly udp?: number | undefined;
  readonly tcp?: number | undefined;
  readonly tls?: number | undefined;
}

/** Ports that are published. */
export interface DnsPorts {
  readonly bootstrap: NodePorts;
  readonly relay: NodePorts;
  readonly stun: ServerPorts;
  readonly turn: ServerPorts;
}

/** The network as its operator describes it; everything in the zone follows from it. */
export interface Topology {
  /** Without the final dot, lower case. */
  readonly zone: string;
  readonly layout: Layout;
  /** By service in the order of DNS_SERVICES, numbered ones from 1 without a gap. */
  readonly nodes: readonly DnsNode[];
  readonly ports: DnsPorts;
  /** Those that stand behind Cloudflare's proxy where that is the provider. */
  readonly proxied: readonly ServiceLabel[];
  /** Those that answer HTTPS on 443 and so get an HTTPS record. */
  readonly https: readonly ServiceLabel[];
  /** Certificate authorities that may issue for the zone; none: no CAA record. */
  readonly certificateAuthorities: readonly string[];
  /** Of who looks after the zone. */
  readonly email?: string;
  readonly nameServers: readonly NameServer[];
  /** Records of the zone that are not quiver's: written into a zone file, never applied. */
  readonly others: readonly RecordSet[];
}

/** A numbered node, `relay3`, or the service's own label. */
export function nodeLabel({service, index}: Pick<DnsNode, 'service' | 'index'>): string {
  return index === undefined ? service : `${service}${index}`;
}
