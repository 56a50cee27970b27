import {rdata, recordSet, type RecordSet} from '../model/record-set.ts';
import {dnsService, type ServiceLabel} from '../model/services.ts';
import {nodeLabel, type DnsNode, type Target, type Topology} from '../model/topology.ts';
import {ADDRESS_TTL_SECONDS} from './ttl.ts';

/** Of a round robin, in each family: more would not fit into an answer over plain UDP (RFC 1035 section 4.2.1). */
const MAX_ROUND_ROBIN = 16;

/**
 * A and AAAA, or CNAME, of every service and numbered node; round robin for all nodes of a service and for those of
 * a region (`eu-west.relay`); CNAMEs for aliases.
 */
export function addressRecords(topology: Topology): RecordSet[] {
  const {zone, nodes, proxied} = topology;
  const services = [...new Set(nodes.map(({service}) => service))];
  return services.flatMap((service) => {
    const own = nodes.filter((node) => node.service === service);
    const isProxied = proxied.includes(service);
    const {aliases, numbered} = dnsService(service);
    return [
      ...targetRecords(`${service}.${zone}`, joinTargets(own), isProxied),
      ...(numbered ? own.flatMap((node) => targetRecords(`${nodeLabel(node)}.${zone}`, node.target, isProxied)) : []),
      ...regionsOf(own).flatMap((region) =>
        targetRecords(
          `${region}.${service}.${zone}`,
          joinTargets(own.filter((node) => node.region === region)),
          isProxied,
        ),
      ),
      ...aliases.map((alias) =>
        recordSet(
          `${alias}.${zone}`,
          'CNAME',
          ADDRESS_TTL_SECONDS,
          [rdata.name(`${service}.${zone}`)],
          isProxied,
        ),
      ),
    ];
  });
}

export function regionsOf(nodes: readonly DnsNode[]): string[] {
  return [...new Set(nodes.map(({region}) => region))].filter((region) => region !== undefined);
}

/** The host that SRV records name: never an alias (RFC 2782), so in the cloud layout the platform's own host. */
export function hostOf(topology: Topology, service: ServiceLabel): string | undefined {
  const target = topology.nodes.find((node) => node.service === service)?.target;
  if (target === undefined) return undefined;
  return target.kind === 'hostname' ? target.hostname : `${service}.${topology.zone}`;
}

/**
 * Where the name for all of them leads. A CNAME stands alone (RFC 1034 section 3.6.2): among hosts with names of their
 * own, those with addresses are the round robin, and without any the first host is.
 */
function joinTargets(nodes: readonly DnsNode[]): Target {
  const targets = nodes.map(({target}) => target);
  const plain = targets.filter((target) => target.kind === 'addresses');
  const [first] = targets;
  if (plain.length === 0 && first !== undefined) return first;
  return {
    kind: 'addresses',
    ipv4: plain.flatMap(({ipv4}) => ipv4).slice(0, MAX_ROUND_ROBIN),
    ipv6: plain.flatMap(({ipv6}) => ipv6).slice(0, MAX_ROUND_ROBIN),
  };
}

function targetRecords(name: string, target: Target, proxied: boolean): RecordSet[] {
  if (target.kind === 'hostname') {
    return [recordSet(name, 'CNAME', ADDRESS_TTL_SECONDS, [rdata.name(target.hostname)], proxied)];
  }
  const sets = [
    recordSet(name, 'A', ADDRESS_TTL_SECONDS, target.ipv4, proxied),
    recordSet(name, 'AAAA', ADDRESS_TTL_SECONDS, target.ipv6, proxied),
  ];
  return sets.filter(({values}) => values.length > 0);
}
