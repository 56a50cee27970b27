import {buildApex, buildRecords} from '../build/zone.ts';
import {isPeerId} from '../model/peer-id.ts';
import {MAX_NODES, readTopology, type TopologyInput} from '../model/read-topology.ts';
import {bySet, setKey, type RecordSet} from '../model/record-set.ts';
import {canBeProxied, DNS_SERVICES} from '../model/services.ts';
import type {DnsPorts, Layout} from '../model/topology.ts';
import {isHostName, ZoneView} from './zone-view.ts';

/** What a zone says of the network, and what it says besides. */
export interface ImportedZone {
  input: TopologyInput;
  /** Sets that the topology does not stand for, kept as they are. */
  kept: readonly RecordSet[];
  /** Sets that an export of the topology adds to what the zone had. */
  added: readonly RecordSet[];
  /** Sets that an export would change, or put another type in the place of. */
  changed: readonly RecordSet[];
  /** The first node was called by the bare name, and `bootstrap1` was the second. */
  olderNumbering: readonly ('bootstrap' | 'relay')[];
}

/** Of these the zone file has its own. */
const APEX_TYPES: ReadonlySet<string> = new Set(['SOA', 'NS']);

/**
 * Reads sets of a zone into a topology as far as that goes: guesses it from the names, builds its records, and counts
 * as understood only what comes out the same. Throws the errors of `readTopology`.
 */
export function importZone(zone: string, sets: readonly RecordSet[], ports: DnsPorts): ImportedZone {
  const view = new ZoneView(zone, sets);
  const {hosts, older} = findHosts(view);
  const targets = hosts.map((line) => line.slice(line.indexOf('=') + 1));
  const layout = layoutOf(hosts, targets);
  const input: TopologyInput = {
    zone,
    layout,
    services: DNS_SERVICES.map(({label}) => label).filter((label) => hosts.some((line) => isOf(label, line))),
    hosts: layout === 'single' ? targets.slice(0, 1) : hosts,
    regions: findRegions(view, hosts),
    peerIds: findPeerIds(view, hosts),
    proxied: DNS_SERVICES.filter((service) => canBeProxied(service) && view.isProxied(service.label)).map(
      ({label}) => label,
    ),
    https: ['gateway', 'signal'].filter((label) => view.get(label, 'HTTPS') !== undefined),
    ...view.caa(),
    nameServers: findNameServers(view),
    records: [],
    ports,
  };
  const topology = readTopology(input);
  const records = buildRecords(topology);
  const built = bySet(records);
  const types = Map.groupBy(records, ({name}) => name);
  /** A CNAME and anything else can't both be at a name. */
  const isReplaced = ({name, type}: RecordSet): boolean =>
    types.get(name)?.some((own) => (own.type === 'CNAME') !== (type === 'CNAME')) ?? false;
  const apex = bySet(topology.nameServers.length > 0 ? buildApex(topology, 0) : []);
  const before = bySet(sets);
  const servers = new Set(input.nameServers.map((line) => line.split('=')[0] ?? ''));
  const isApex = ({name, type}: RecordSet): boolean =>
    APEX_TYPES.has(type)
      ? name === zone
      : (type === 'A' || type === 'AAAA') && servers.has(name.slice(0, -zone.length - 1));
  const others = sets.filter((set) => !built.has(setKey(set)) && !isApex(set));
  const kept = others.filter((set) => !isReplaced(set));
  const lines = kept.flatMap((set) => set.values.map((value) => recordLine(set, value)));
  return {
    input: {...input, records: lines},
    kept,
    added: [...built.values()].filter((set) => !before.has(setKey(set))),
    changed: sets.filter((set) => {
      if (isApex(set) && APEX_TYPES.has(set.type)) return apexOf(set) !== apexOf(apex.get(setKey(set)));
      const after = built.get(setKey(set));
      if (after === undefined) return !isApex(set) && isReplaced(set);
      return after.values.join('\n') !== set.values.join('\n');
    }),
    olderNumbering: older,
  };
}

/** Of an SOA who serves and looks after the zone; the numbers are the export's own. */
function apexOf(set: RecordSet | undefined): string {
  return (set?.values ?? [])
    .map((value) => (set?.type === 'SOA' ? value.split(' ').slice(0, 2).join(' ') : value))
    .join();
}

function recordLine({name, ttlSeconds, type, proxied}: RecordSet, value: string): string {
  return `${name}. ${ttlSeconds} IN ${type} ${value}${proxied ? ' ; cf_tags=cf-proxied:true' : ''}`;
}

function findHosts(view: ZoneView): {hosts: string[]; older: ('bootstrap' | 'relay')[]} {
  const older: ('bootstrap' | 'relay')[] = [];
  const hosts = DNS_SERVICES.flatMap(({label, numbered}) => {
    const bare = view.target(label);
    if (!numbered) return bare === undefined ? [] : [`${label}=${bare}`];
    const nodes: string[] = [];
    for (
      let target = view.target(`${label}1`);
      target !== undefined && nodes.length < MAX_NODES;
      target = view.target(`${label}${nodes.length + 1}`)
    ) {
      nodes.push(target);
    }
    // A round robin has the first node's addresses among its own; a node by itself has not.
    if (bare !== undefined && !nodes.some((node) => shares(node, bare))) {
      if (nodes.length > 0) older.push(label);
      nodes.unshift(bare);
    }
    return nodes.map((target, index) => `${label}${index + 1}=${target}`);
  });
  return {hosts, older};
}

function shares(a: string, b: string): boolean {
  const words = new Set(a.split(','));
  return b.split(',').some((word) => words.has(word));
}

/** One host has one node of each kind; several nodes at one address are a network of their own. */
function layoutOf(hosts: readonly string[], targets: readonly string[]): Layout {
  const isCounted = hosts.some((line) => /^\D+(?:[2-9]|\d{2,})=/.test(line));
  if (targets.some((target) => /[a-z]/i.test(target) && !target.includes(':'))) return 'cloud';
  return new Set(targets).size <= 1 && !isCounted ? 'single' : 'distributed';
}

function isOf(label: string, line: string): boolean {
  return line.startsWith(label) && /^\d*=/.test(line.slice(label.length));
}

function findRegions(view: ZoneView, hosts: readonly string[]): string[] {
  const regions = new Map<string, string>();
  for (const service of ['bootstrap', 'relay']) {
    // Of several regions at one address the first is as good a guess as any.
    const byAddress = new Map<string, string>();
    for (const {name, type, values} of view.sets) {
      const region = /^([a-z\d](?:[a-z\d-]*[a-z\d])?)\.(\w+)$/.exec(name.slice(0, -view.zone.length - 1));
      if (region?.[2] !== service || region[1] === undefined || !/^A(?:AAA)?$/.test(type)) continue;
      for (const address of values) if (!byAddress.has(address)) byAddress.set(address, region[1]);
    }
    for (const line of hosts.filter((each) => isOf(service, each))) {
      const [label = '', addresses = ''] = line.split('=', 2);
      const region = addresses.split(',').find((address) => byAddress.has(address));
      if (region !== undefined) regions.set(label, byAddress.get(region) ?? '');
    }
  }
  return [...regions].map(([label, region]) => `${label}=${region}`);
}

function findPeerIds(view: ZoneView, hosts: readonly string[]): string[] {
  return hosts.flatMap((line) => {
    const label = line.slice(0, line.indexOf('='));
    const service = label.replace(/\d+$/, '');
    const entries = [
      ...view.dnsaddr(label),
      ...view.dnsaddr(`_a1.${label}`),
      ...view.dnsaddr(service).filter((entry) => entry.startsWith(`/dnsaddr/${label}.${view.zone}/`)),
    ];
    const ids = entries.map((entry) => /\/p2p\/(\w+)$/.exec(entry)?.[1]);
    const id = ids.find((each) => each !== undefined && isPeerId(each));
    return id === undefined ? [] : [`${label}=${id}`];
  });
}

function findNameServers(view: ZoneView): string[] {
  return (view.get('', 'NS') ?? []).flatMap((value) => {
    const name = value.slice(0, -1);
    if (!isHostName(name)) return [];
    if (!name.endsWith(`.${view.zone}`)) return [name];
    const label = name.slice(0, -view.zone.length - 1);
    const addresses = view.addresses(label);
    return addresses.length === 0 ? [] : [`${label}=${addresses.join(',')}`];
  });
}
