import {rdata, recordSet, setKey, type RecordSet} from '../model/record-set.ts';
import {dnsService, SERVICE_LABELS, type ServiceLabel} from '../model/services.ts';
import type {Topology} from '../model/topology.ts';
import {regionsOf} from './addresses.ts';
import {SRV_LABELS} from './services.ts';
import {STABLE_TTL_SECONDS} from './ttl.ts';

/**
 * What of a zone is quiver's. It stands in the zone itself, at `_quiver`, so that whoever applies next knows what may
 * be changed and deleted, on any machine: `v=quiver1 own=gateway,bootstrap*3,eu-west.relay,srv,naptr,caa`.
 */
export interface Ownership {
  /** Services with how many numbered nodes they have (0 where they aren't numbered). */
  readonly services: ReadonlyMap<ServiceLabel, number>;
  /** `eu-west.relay` */
  readonly regions: readonly string[];
  /** Sets at names that others use too. */
  readonly shared: readonly SharedSet[];
}

const SHARED_SETS = ['srv', 'naptr', 'caa'] as const;
export type SharedSet = (typeof SHARED_SETS)[number];

const VERSION = 'v=quiver1';
const HOST_TYPES: ReadonlySet<string> = new Set(['A', 'AAAA', 'CNAME', 'HTTPS']);
/** The labels of groups in a dnsaddr tree. */
const GROUPS = /^(?:_[a-z]\d+\.)*/;

export function ownershipName(zone: string): string {
  return `_quiver.${zone}`;
}

export function ownershipOf(topology: Topology, shared: readonly SharedSet[]): Ownership {
  const services = new Map<ServiceLabel, number>();
  for (const {service, index = 0} of topology.nodes) {
    services.set(service, Math.max(index, services.get(service) ?? 0));
  }
  const regions = (['bootstrap', 'relay'] as const).flatMap((service) =>
    regionsOf(topology.nodes.filter((node) => node.service === service)).map((region) => `${region}.${service}`),
  );
  return {services, regions, shared};
}

/** What both own: written before a change, so that a crash half way leaves nothing without an owner. */
export function joinOwnership(a: Ownership, b: Ownership): Ownership {
  const services = new Map(a.services);
  for (const [label, count] of b.services) services.set(label, Math.max(count, services.get(label) ?? 0));
  return {
    services,
    regions: [...new Set([...a.regions, ...b.regions])],
    shared: SHARED_SETS.filter((set) => a.shared.includes(set) || b.shared.includes(set)),
  };
}

export function ownershipRecord(zone: string, {services, regions, shared}: Ownership): RecordSet {
  const labels = SERVICE_LABELS.filter((label) => services.has(label)).map((label) => {
    const count = services.get(label) ?? 0;
    return count === 0 ? label : `${label}*${count}`;
  });
  const text = `${VERSION} own=${[...labels, ...regions.toSorted(), ...shared].join(',')}`;
  return recordSet(ownershipName(zone), 'TXT', STABLE_TTL_SECONDS, [rdata.txt(text)]);
}

/** Reads the text of the ownership record; undefined when it is not one that this version understands. */
export function readOwnership(text: string): Ownership | undefined {
  if (!text.startsWith(`${VERSION} own=`)) return undefined;
  const services = new Map<ServiceLabel, number>();
  const regions: string[] = [];
  const shared: SharedSet[] = [];
  for (const word of text.slice(`${VERSION} own=`.length).split(',')) {
    const [, name = '', count = '0'] = /^([a-z]+)(?:\*(\d{1,4}))?$/.exec(word) ?? [];
    const label = SERVICE_LABELS.find((each) => each === name);
    const set = SHARED_SETS.find((each) => each === word);
    if (label !== undefined) services.set(label, Number(count));
    else if (set !== undefined) shared.push(set);
    else if (/^[a-z0-9-]{1,63}\.(?:bootstrap|relay)$/.test(word)) regions.push(word);
    else if (word !== '') return undefined;
  }
  return {services, regions, shared};
}

/** Tells whether a set is quiver's: by its name and its type, as somebody else's MX may stand beside our A. */
export function ownsSet(zone: string, ownership: Ownership): (set: Pick<RecordSet, 'name' | 'type'>) => boolean {
  const {services, regions, shared} = ownership;
  const hosts = new Set<string>(regions.map((region) => `${region}.${zone}`));
  for (const [label, count] of services) {
    for (const alias of [label, ...dnsService(label).aliases]) hosts.add(`${alias}.${zone}`);
    for (let index = 1; index <= count; index += 1) hosts.add(`${label}${index}.${zone}`);
  }
  const others = new Set([
    `${ownershipName(zone)} TXT`,
    ...(shared.includes('srv') ? SRV_LABELS.map((label) => `${label}.${zone} SRV`) : []),
    ...(shared.includes('naptr') ? [`${zone} NAPTR`] : []),
    ...(shared.includes('caa') ? [`${zone} CAA`] : []),
  ]);
  return (set) => {
    if (others.has(setKey(set))) return true;
    if (HOST_TYPES.has(set.type)) return hosts.has(set.name);
    const listed = set.type === 'TXT' && set.name.startsWith('_dnsaddr.');
    return listed && hosts.has(set.name.slice('_dnsaddr.'.length).replace(GROUPS, ''));
  };
}
