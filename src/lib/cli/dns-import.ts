import type {TopologyInput} from '../dns/model/read-topology.ts';
import type {RecordSet} from '../dns/model/record-set.ts';
import type {ImportedFile} from './dns-import-file.ts';
import {plain, plainLines} from './output.ts';

/** Of one kind, on a terminal: all are in the settings or in JSON. */
const MAX_SHOWN = 200;
/** Of a line that can't be read, which can be a whole file. */
const MAX_SHOWN_CHARACTERS = 160;

/** A topology as the `dns` section of quiver.yaml; what is as by default is left out, what can't be read is a comment. */
export async function topologyYaml({input, problems}: Pick<ImportedFile, 'input' | 'problems'>): Promise<string> {
  const {stringify} = await import('yaml');
  const comments = problems.map(({line, why, text}) => `line ${line} of the zone is not read, ${why}:\n${text}`);
  return stringify({dns: topologySettings(input)}, {lineWidth: 0}) + comments.map(comment).join('');
}

function comment(text: string): string {
  return plainLines(text).replaceAll(/^/gm, '# ').concat('\n');
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
    ...shown(problems, ({line, why, text}) => shortened(`line ${line}: not read, ${why}: ${text}`)),
    ...shown(kept, (set) => `kept under dns.records: ${title(set)}`),
    ...shown(changed, (set) => `an export will change: ${title(set)}`),
    ...shown(findings, ({line, name, type, message, fix, rule}) => {
      const where = line === undefined ? '' : `line ${line}: `;
      return `${where}${name} ${type} ${message} (${rule}). ${fix}`;
    }),
  ];
  const more =
    added.length === 0
      ? []
      : [`an export will add ${added.length} ${added.length === 1 ? 'set' : 'sets'}, e.g. ${title(added[0])}`];
  const count = input.hosts.length;
  const read = `${input.zone}: ${input.layout} layout, ${count} ${count === 1 ? 'host' : 'hosts'}`;
  return [read, ...lines, ...more].map(plain).join('\n');
}

function shown<Item>(items: readonly Item[], lineOf: (item: Item) => string): string[] {
  const left = items.length - MAX_SHOWN;
  return [...items.slice(0, MAX_SHOWN).map(lineOf), ...(left > 0 ? [`… and ${left} more like this`] : [])];
}

function shortened(line: string): string {
  return line.length > MAX_SHOWN_CHARACTERS ? `${line.slice(0, MAX_SHOWN_CHARACTERS)} …` : line;
}

function title(set: RecordSet | undefined): string {
  return set === undefined ? '' : `${set.name} ${set.type}`;
}
