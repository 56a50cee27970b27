import type {TopologyInput} from '../dns/model/read-topology.ts';
import type {RecordSet} from '../dns/model/record-set.ts';
import type {ImportedFile} from './dns-import-file.ts';

/** A topology as the `dns` section of quiver.yaml; what is as by default is left out. */
export async function topologyYaml(input: TopologyInput): Promise<string> {
  const {stringify} = await import('yaml');
  return stringify({dns: topologySettings(input)}, {lineWidth: 0});
}

export function topologySettings(input: TopologyInput): Record<string, unknown> {
  const lists = {
    services: input.services,
    hosts: input.hosts,
    regions: input.regions,
    peer_ids: input.peerIds,
    proxied: input.proxied,
    https: input.https,
    caa: input.certificateAuthorities,
    name_servers: input.nameServers,
    records: input.records,
  };
  // An empty list stands for "none" where the default is some.
  const withDefaults = new Set(['services', 'proxied', 'caa']);
  const present = Object.entries(lists).filter(([name, list]) => list.length > 0 || withDefaults.has(name));
  return {
    zone: input.zone,
    layout: input.layout,
    ...Object.fromEntries(present),
    ...(input.email !== undefined && {email: input.email}),
  };
}

/** What was not understood, what an export would change, and what is wrong: a line each. */
export function reportImport({input, kept, added, changed, problems, findings, olderNumbering}: ImportedFile): string {
  const lines = [
    ...olderNumbering.map(
      (name) => `${name} was the first node and ${name}1 the second: they are ${name}1 and ${name}2 now`,
    ),
    ...problems.map(({line, why, text}) => `line ${line}: not read, ${why}: ${text}`),
    ...kept.map((set) => `kept under dns.records: ${title(set)}`),
    ...changed.map((set) => `an export will change: ${title(set)}`),
    ...findings.map(({line, name, type, message, fix, rule}) => {
      const where = line === undefined ? '' : `line ${line}: `;
      return `${where}${name} ${type} ${message} (${rule}). ${fix}`;
    }),
  ];
  const more = added.length === 0 ? [] : [`an export will add ${added.length} sets, e.g. ${title(added[0])}`];
  const count = input.hosts.length;
  const read = `${input.zone}: ${input.layout} layout, ${count} ${count === 1 ? 'host' : 'hosts'}`;
  return [read, ...lines, ...more].join('\n');
}

function title(set: RecordSet | undefined): string {
  return set === undefined ? '' : `${set.name} ${set.type}`;
}
