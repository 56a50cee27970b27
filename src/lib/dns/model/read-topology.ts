import {isIPv4, isIPv6} from 'node:net';

import {EXIT, QuiverError} from '../../core/errors.ts';
import {ipText, parseIp} from '../../core/ip-address.ts';
import {readHostName, readLabel, readZone} from './names.ts';
import {readZoneFile} from '../read/zone-file.ts';
import {isNowhere} from './nowhere.ts';
import {isPeerId} from './peer-id.ts';
import {compareText, type RecordSet, toRecordSets} from './record-set.ts';
import {canBeProxied, DNS_SERVICES, dnsService, SERVICE_LABELS, type ServiceLabel} from './services.ts';
import type {DnsNode, DnsPorts, Layout, NameServer, Target, Topology} from './topology.ts';

/** Of one service: more would make a zone that no provider takes, and is a slip of the keyboard. */
export const MAX_NODES = 2_000;
/** Of one node, in each family. */
export const MAX_ADDRESSES = 16;

/** A network as it stands in the settings and flags; `label=value` in the lists. */
export interface TopologyInput {
  zone: string;
  layout: Layout;
  services: readonly string[];
  /** `gateway=203.0.113.10,2001:db8::10`; in the single layout also without a label. */
  hosts: readonly string[];
  /** `relay1=eu-west` */
  regions: readonly string[];
  /** `bootstrap1=12D3KooW…` */
  peerIds: readonly string[];
  proxied: readonly string[];
  https: readonly string[];
  certificateAuthorities: readonly string[];
  email?: string | undefined;
  /** A name outside the zone, or `ns1=203.0.113.53` for one inside. */
  nameServers: readonly string[];
  /** Lines of a zone file for what the zone has besides, e.g. `@ 3600 IN MX 10 mail.quiver.example.` */
  records: readonly string[];
  ports: DnsPorts;
}

/** What a host list lacks before it describes the whole network. */
export class MissingHostError extends QuiverError {
  /** `gateway`, `relay1`, or undefined for the one host of the single layout. */
  readonly label: string | undefined;

  constructor(label: string | undefined) {
    super({
      code: 'DNS_HOST_MISSING',
      message: label === undefined ? 'No address of the host is known' : `No address of ${label} is known`,
      fix:
        label === undefined
          ? 'Name it: --host 203.0.113.10 (with IPv6: --host 203.0.113.10,2001:db8::10), or dns.hosts in quiver.yaml'
          : `Name it: --host ${label}=203.0.113.10, or leave the service out of dns.services`,
      exit: EXIT.usage,
    });
    this.label = label;
  }
}

/**
 * The topology that settings and flags describe. Throws usage errors that name the field (BAD_NAME, DNS_FIELD), and
 * MissingHostError for the first service without an address.
 */
export function readTopology(input: TopologyInput): Topology {
  const zone = readZone(input.zone, 'zone');
  const services = serviceList(input.services, 'services');
  const hosts = pairs(input.hosts, 'hosts', input.layout === 'single');
  const extras = {regions: pairs(input.regions, 'regions'), peerIds: pairs(input.peerIds, 'peer_ids')};
  const nodes = input.layout === 'single' ? single(services, hosts) : separate(services, hosts, input.layout);
  checkLabels(extras.regions, nodes, 'regions');
  checkLabels(extras.peerIds, nodes, 'peer_ids');
  return {
    zone,
    layout: input.layout,
    nodes: nodes.map((node) => withExtras(node, extras)),
    ports: input.ports,
    proxied: serviceList(input.proxied, 'proxied').map(mustBeProxied),
    https: serviceList(input.https, 'https').map(mustSpeakHttp),
    certificateAuthorities: input.certificateAuthorities.map((name) => readHostName(name, 'caa')),
    ...(input.email !== undefined && {email: readEmail(input.email)}),
    nameServers: input.nameServers.map((text) => readNameServer(text, zone)),
    others: readOthers(input.records, zone),
  };
}

/** Everything on the one host that was given, with or without a name. */
function single(services: readonly ServiceLabel[], hosts: ReadonlyMap<string, string>): DnsNode[] {
  const [first, ...others] = new Set(hosts.values());
  if (services.length === 0) return [];
  if (first === undefined) throw new MissingHostError(undefined);
  if (others.length > 0) {
    throw badField('hosts', 'the single layout has one host', 'Name one, or use --layout distributed.');
  }
  const target = readTarget(first, 'hosts', 'single');
  return services.map((service) => ({service, target, ...(dnsService(service).numbered && {index: 1})}));
}

function separate(services: readonly ServiceLabel[], hosts: ReadonlyMap<string, string>, layout: Layout): DnsNode[] {
  const left = new Set(hosts.keys());
  const take = (service: ServiceLabel, index?: number): DnsNode | undefined => {
    const label = `${service}${index ?? ''}`;
    const text = hosts.get(label);
    left.delete(label);
    if (text === undefined) return undefined;
    return {service, target: readTarget(text, `hosts ${label}`, layout), ...(index !== undefined && {index})};
  };
  const nodes = services.flatMap((service) => {
    if (!dnsService(service).numbered) return take(service) ?? fail(new MissingHostError(service));
    const counted: DnsNode[] = [];
    for (let node = take(service, 1); node !== undefined; node = take(service, counted.length + 1)) {
      counted.push(node);
      if (counted.length > MAX_NODES) {
        throw badField('hosts', `there are more than ${MAX_NODES} of ${service}`, 'Publish fewer nodes in one zone.');
      }
    }
    return counted.length === 0 ? fail(new MissingHostError(`${service}1`)) : counted;
  });
  const [unused] = left;
  if (unused !== undefined) throw unknownLabel(unused, 'hosts');
  return nodes;
}

function withExtras(
  node: DnsNode,
  {regions, peerIds}: {regions: ReadonlyMap<string, string>; peerIds: ReadonlyMap<string, string>},
): DnsNode {
  const label = `${node.service}${node.index ?? ''}`;
  const region = regions.get(label);
  const peerId = peerIds.get(label);
  if (peerId !== undefined && !isPeerId(peerId)) {
    throw badField(`peer_ids ${label}`, `"${peerId}" is not a peer id`, `Copy it from: quiver identity show`);
  }
  return {
    ...node,
    ...(region !== undefined && {region: readLabel(region, `regions ${label}`)}),
    ...(peerId !== undefined && {peerId}),
  };
}

function readTarget(text: string, field: string, layout: Layout): Target {
  // In one order, so that the same addresses make the same zone.
  const words = [...new Set(text.split(',').map((word) => word.trim()))].toSorted(compareText);
  const ipv4 = words.filter((word) => isIPv4(word));
  const ipv6 = words.filter((word) => isIPv6(word) && !word.includes('%')).map(canonicalIpv6);
  if (ipv4.length + ipv6.length === words.length) {
    const nowhere = words.find(isNowhere);
    if (nowhere !== undefined) {
      throw badField(field, `nobody reaches a host by ${nowhere}`, 'Give the address that others know it by.');
    }
    if (Math.max(ipv4.length, ipv6.length) <= MAX_ADDRESSES) return {kind: 'addresses', ipv4, ipv6};
    throw badField(
      field,
      `it has more than ${MAX_ADDRESSES} addresses`,
      'Number the nodes instead: relay1=…, relay2=…',
    );
  }
  const [word] = words;
  if (words.length > 1 || word === undefined || /^[\d.:]+$/.test(word) || layout !== 'cloud') {
    const wrong = words.find((each) => !isIPv4(each) && !isIPv6(each)) ?? text;
    const fix = layout === 'cloud' ? '' : ' The name of another host goes with --layout cloud.';
    throw badField(field, `"${wrong}" is not an IP address`, `Write 203.0.113.10 or 2001:db8::10.${fix}`);
  }
  return {kind: 'hostname', hostname: readHostName(word, field)};
}

/** The one text of an address that is known to be one (RFC 5952). */
function canonicalIpv6(address: string): string {
  return ipText(parseIp(address)?.bytes ?? new Uint8Array(16));
}

function readNameServer(text: string, zone: string): NameServer {
  const [label = '', addresses] = text.split('=', 2);
  if (addresses === undefined) {
    const name = readHostName(label, 'name_servers');
    if (!name.endsWith(`.${zone}`)) return {name, addresses: []};
    throw badField('name_servers', `${name} is in the zone itself`, `Say where it is: ${name}=203.0.113.53`);
  }
  const name = readHostName(label, 'name_servers');
  const target = readTarget(addresses, 'name_servers', 'distributed');
  const inside = name.endsWith(`.${zone}`) ? name : `${name}.${zone}`;
  return {name: inside, addresses: target.kind === 'addresses' ? [...target.ipv4, ...target.ipv6] : []};
}

function readOthers(lines: readonly string[], zone: string): RecordSet[] {
  const {records, problems} = readZoneFile(lines.join('\n'), zone);
  const [problem] = problems;
  if (problem === undefined) return toRecordSets(records);
  throw badField(
    'records',
    `"${problem.text}" can't be read, ${problem.why}`,
    'Write: name 3600 IN MX 10 mail.example.',
  );
}

function readEmail(text: string): string {
  const [user = '', domain = '', ...rest] = text.split('@');
  if (rest.length > 0 || !/^[\w.+-]{1,63}$/.test(user)) {
    throw badField('email', `"${text}" is not an e-mail address`, 'Write hostmaster@quiver.example');
  }
  return `${user}@${readHostName(domain, 'email')}`;
}

/**
 * `label=value` lines; the label may be left out where `unnamed` says so. A line with neither goes on with the one
 * before, since a list in the environment is split at each comma.
 */
function pairs(lines: readonly string[], field: string, unnamed = false): Map<string, string> {
  const found = new Map<string, string>();
  let last: string | undefined;
  for (const line of lines) {
    const at = line.indexOf('=');
    if (at === -1 && last !== undefined) {
      found.set(last, `${found.get(last) ?? ''},${line.trim()}`);
      continue;
    }
    if (at === 0 || (at === -1 && !unnamed)) {
      throw badField(field, `"${line}" has no name before "="`, `Write relay1=${line.slice(at + 1)}`);
    }
    last = at === -1 ? '' : line.slice(0, at).trim().toLowerCase();
    if (found.has(last)) throw badField(field, `${last} is there twice`, 'Keep one of them.');
    found.set(last, line.slice(at + 1).trim());
  }
  return found;
}

function checkLabels(values: ReadonlyMap<string, string>, nodes: readonly DnsNode[], field: string): void {
  const known = new Set(nodes.map(({service, index}) => `${service}${index ?? ''}`));
  const unknown = [...values.keys()].find((label) => !known.has(label));
  if (unknown !== undefined) throw unknownLabel(unknown, field);
}

function serviceList(words: readonly string[], field: string): ServiceLabel[] {
  const unknown = words.find((word) => !SERVICE_LABELS.some((label) => label === word));
  if (unknown !== undefined) {
    throw badField(field, `"${unknown}" is not a service`, `Choose from: ${SERVICE_LABELS.join(', ')}`);
  }
  return SERVICE_LABELS.filter((label) => words.includes(label));
}

function mustBeProxied(label: ServiceLabel): ServiceLabel {
  if (canBeProxied(dnsService(label))) return label;
  const can = DNS_SERVICES.filter(canBeProxied).map((service) => service.label);
  throw badField('proxied', `${label} is not served on a port that Cloudflare proxies`, `Possible: ${can.join(', ')}`);
}

function mustSpeakHttp(label: ServiceLabel): ServiceLabel {
  if (dnsService(label).httpPort === 443) return label;
  throw badField('https', `${label} is not served over HTTPS on port 443`, 'Leave it out.');
}

function unknownLabel(label: string, field: string): QuiverError {
  const numbered = /^(bootstrap|relay)(\d*)$/.exec(label);
  const fix =
    numbered === null
      ? `Names are: ${SERVICE_LABELS.join(', ')}, with a number behind bootstrap and relay.`
      : `Number the nodes from 1 without a gap: ${numbered[1] ?? ''}1, ${numbered[1] ?? ''}2, …`;
  return badField(field, `"${label}" is no node of this network`, fix);
}

function badField(field: string, why: string, fix: string): QuiverError {
  return new QuiverError({code: 'DNS_FIELD', message: `${field}: ${why}`, fix, exit: EXIT.usage});
}

function fail(error: Error): never {
  throw error;
}
