import {rdata, recordSet, type RecordSet} from '../model/record-set.ts';
import {nodeLabel, type DnsNode, type NodePorts, type Topology} from '../model/topology.ts';
import {regionsOf} from './addresses.ts';
import {ADDRESS_TTL_SECONDS} from './ttl.ts';

/** What fits into one answer over plain UDP (RFC 1035 section 4.2.1), without falling back to TCP. */
const MAX_ANSWER_BYTES = 512;
const HEADER_BYTES = 12;
/** Type and class of the question. */
const QUESTION_BYTES = 4;
/** EDNS(0) (RFC 6891), which nearly every resolver sends. */
const OPT_BYTES = 11;
/** A pointer to the name, type, class, TTL and length, and the length of the only string. */
const RECORD_BYTES = 13;

/**
 * The tree below `_dnsaddr.<service>` (multiformats/multiaddr, protocols/DNSADDR.md): the service lists its nodes by
 * name and peer id, each node its addresses, and what does not fit into one answer is put into groups below it.
 */
export function dnsaddrRecords({zone, nodes, ports}: Topology): RecordSet[] {
  const services = (['bootstrap', 'relay'] as const).filter((each) => nodes.some(({service}) => service === each));
  return services.flatMap((service) => {
    const known = nodes.filter((node) => node.service === service && multiaddrs(node, ports[service]).length > 0);
    const lists = regionsOf(known).map((region): [string, DnsNode[]] => [
      `${region}.${service}.${zone}`,
      known.filter((node) => node.region === region),
    ]);
    return [
      ...[[`${service}.${zone}`, known] as const, ...lists].flatMap(([name, members]) =>
        tree(
          name,
          members.map((node) => `/dnsaddr/${nodeLabel(node)}.${zone}/p2p/${node.peerId ?? ''}`),
        ),
      ),
      ...known.flatMap((node) => tree(`${nodeLabel(node)}.${zone}`, multiaddrs(node, ports[service]))),
    ];
  });
}

/** What a node is dialled by, none without a peer id; in text, so that nothing of libp2p is loaded to write a zone. */
export function multiaddrs({target, peerId}: DnsNode, {tcp, quic, webSocket}: NodePorts): string[] {
  if (peerId === undefined) return [];
  const hosts =
    target.kind === 'hostname'
      ? [`/dns/${target.hostname}`]
      : [...target.ipv4.map((address) => `/ip4/${address}`), ...target.ipv6.map((address) => `/ip6/${address}`)];
  const transports = [
    tcp !== undefined && `/tcp/${tcp}`,
    quic !== undefined && `/udp/${quic}/quic-v1`,
    webSocket !== undefined && `/tcp/${webSocket}/ws`,
  ].filter((transport) => transport !== false);
  return hosts.flatMap((host) => transports.map((transport) => `${host}${transport}/p2p/${peerId}`));
}

/**
 * One set of TXT records if all entries fit into an answer; else groups of them, and groups of groups. An underscore
 * keeps the labels of groups apart from regions, and a letter one level from the next.
 */
function tree(domain: string, entries: readonly string[], level = 0): RecordSet[] {
  if (entries.length === 0) return [];
  const name = `_dnsaddr.${domain}`;
  const groups = packed(name, entries);
  if (groups.length === 1) return [txt(name, entries)];
  const letter = String.fromCharCode('a'.charCodeAt(0) + level);
  const below = groups.map((group, index) => ({domain: `_${letter}${index + 1}.${domain}`, group}));
  const heads = below.map((each) => `/dnsaddr/${each.domain}`);
  return [...tree(domain, heads, level + 1), ...below.map((each) => txt(`_dnsaddr.${each.domain}`, each.group))];
}

function txt(name: string, entries: readonly string[]): RecordSet {
  return recordSet(
    name,
    'TXT',
    ADDRESS_TTL_SECONDS,
    entries.map((entry) => rdata.txt(`dnsaddr=${entry}`)),
  );
}

/** In order, as many to a group as one answer holds. */
function packed(name: string, entries: readonly string[]): string[][] {
  // A name takes two bytes more than its text; groups lie a label lower, and all are measured as if they did.
  const room = MAX_ANSWER_BYTES - HEADER_BYTES - QUESTION_BYTES - OPT_BYTES - name.length - '_a9999.'.length - 2;
  const groups: string[][] = [];
  let left = 0;
  for (const entry of entries) {
    const size = RECORD_BYTES + 'dnsaddr='.length + entry.length;
    if (size > left || groups.length === 0) {
      groups.push([]);
      left = room;
    }
    groups.at(-1)?.push(entry);
    left -= size;
  }
  return groups;
}
