import type {Command} from '@oclif/core';

import {openDnsProvider} from '../catalog/dns-provider.ts';
import {ownershipName} from '../dns/build/ownership.ts';
import {buildRecords} from '../dns/build/zone.ts';
import type {RecordSet} from '../dns/model/record-set.ts';
import {tooManyDeletions, type ZoneRequest} from '../dns/plan/apply.ts';
import type {ZonePlan} from '../dns/plan/plan.ts';
import type {Change} from '../dns/providers/provider.ts';
import type {BaseCommand} from './base-command.ts';
import {loadTopology} from './dns-topology.ts';
import {collectPluginDnsProviders} from './plugins.ts';

/** Of sets that are left alone: more would hide what changes. */
const MAX_KEPT_SHOWN = 10;

/** What the settings and flags of a command want of which zone. */
export async function zoneRequest(
  command: BaseCommand<typeof Command>,
  options: {interactive: boolean; adopt: boolean; signal: AbortSignal},
): Promise<ZoneRequest> {
  const {interactive, adopt, signal} = options;
  const config = await command.loadSettings();
  const topology = await loadTopology(config, interactive);
  const provider = await openDnsProvider(config, process.env, () => collectPluginDnsProviders(command.config));
  return {provider, zone: topology.zone, records: buildRecords(topology), adopt, signal};
}

/** The plan as a diff: `+` comes, `-` goes, `!` is in the way, the rest stays. */
export function planText(plan: ZonePlan): string {
  const {changes, conflicts, kept, checksum, zone, provider} = plan;
  if (checksum === '' && conflicts.length === 0) return `${zone} at ${provider} is as it should be.`;
  const shown = kept.slice(0, MAX_KEPT_SHOWN).map(({name, type}) => `  ${name} ${type}`);
  const more = kept.length > shown.length ? [`  and ${kept.length - shown.length} more`] : [];
  return [
    ...changes.flatMap(changeLines),
    ...(changes.length === 0 && checksum !== '' ? [`~ ${ownershipName(zone)} TXT (what is quiver's)`] : []),
    ...conflicts.flatMap((change) => ['! not ours, replaced only with --adopt:', ...changeLines(change)]),
    ...(kept.length > 0 ? ['Left alone:', ...shown, ...more] : []),
    '',
    summary(plan),
  ].join('\n');
}

function summary(plan: ZonePlan): string {
  const {changes, conflicts, deletions, ownedRecords, checksum} = plan;
  const count = (test: (change: Change) => boolean): number => changes.filter(test).length;
  const created = count(({before}) => before === undefined);
  const deleted = count(({after}) => after === undefined);
  const changed = changes.length - created - deleted;
  const said = [`${created} ${created === 1 ? 'set' : 'sets'} to create, ${changed} to change, ${deleted} to delete.`];
  if (tooManyDeletions(plan)) {
    said.push(`${deletions} of ${ownedRecords} records would be gone: apply wants --allow-deletions ${deletions}.`);
  }
  if (conflicts.length > 0) {
    said.push(`${conflicts.length} in the way; nothing is applied before that is settled: quiver dns plan --adopt`);
  } else said.push(`Carry it out, with the same flags: quiver dns apply --plan ${checksum}`);
  return said.join('\n');
}

function changeLines({before, after}: Change): string[] {
  const was = new Set(lines(before));
  const will = new Set(lines(after));
  return [
    ...[...was].filter((line) => !will.has(line)).map((line) => `- ${line}`),
    ...[...will].filter((line) => !was.has(line)).map((line) => `+ ${line}`),
  ];
}

function lines(set: RecordSet | undefined): string[] {
  if (set === undefined) return [];
  const {name, ttlSeconds, type, values, proxied} = set;
  return values.map((value) => `${name} ${ttlSeconds} ${type} ${value}${proxied ? ' (proxied)' : ''}`);
}
