import {createHash} from 'node:crypto';

import {
  joinOwnership,
  ownershipName,
  ownershipRecord,
  ownsSet,
  readOwnership,
  type Ownership,
} from '../build/ownership.ts';
import {txtText} from '../model/fields.ts';
import {setKey, sortSets, type RecordSet} from '../model/record-set.ts';
import type {Change} from '../providers/provider.ts';

/** Checksums are compared by people, too. */
const CHECKSUM_CHARACTERS = 12;
/** Never changed, whatever stands beside them: the zone's own, and its signatures. */
const NEVER: ReadonlySet<string> = new Set([
  'NS',
  'SOA',
  'DS',
  'DNSKEY',
  'RRSIG',
  'NSEC',
  'NSEC3',
  'NSEC3PARAM',
  'CDS',
  'CDNSKEY',
]);

/** What people put beside names like ours, and may give up for them; of other types nobody here knows what they are for. */
const REPLACEABLE: ReadonlySet<string> = new Set(['A', 'AAAA', 'CAA', 'CNAME', 'HTTPS', 'NAPTR', 'SRV', 'TXT']);

/** What is to be done to a zone. Pure data: computed, shown, compared, then carried out. */
export interface ZonePlan {
  readonly zone: string;
  readonly provider: string;
  /** In the order in which they are shown; the ownership record is not among them. */
  readonly changes: readonly Change[];
  /** Changes in the order of work, the ownership record first and last. */
  readonly steps: readonly (readonly Change[])[];
  /** Sets at our names that are somebody else's: taken over only when told so, and of types that we don't know never. */
  readonly conflicts: readonly Change[];
  /** Sets of the zone that are not touched. */
  readonly kept: readonly RecordSet[];
  /** Records that quiver owns now. */
  readonly ownedRecords: number;
  /** Of those, how many would be gone. */
  readonly deletions: number;
  /** Of the zone as it is and of the changes; '' when there is nothing to do. */
  readonly checksum: string;
}

export interface PlanInput {
  zone: string;
  provider: string;
  /** Everything in the zone. */
  current: readonly RecordSet[];
  /** What `buildRecords` made, as the provider would have it, the ownership record included. */
  wanted: readonly RecordSet[];
  /** Take over sets at our names that aren't ours. */
  adopt: boolean;
}

/** Compares a zone with what it should be. */
export function planZone({zone, provider, current, wanted, adopt}: PlanInput): ZonePlan {
  const isMarker = (set: RecordSet): boolean => set.name === ownershipName(zone) && set.type === 'TXT';
  const marker = current.find(isMarker);
  const wantedMarker = wanted.find(isMarker);
  const before = ownershipIn(marker);
  const owns = before === undefined ? () => false : ownsSet(zone, before);
  const goals = new Map(wanted.filter((set) => !isMarker(set)).map((set) => [setKey(set), set]));
  const present = current.filter((set) => !isMarker(set) && !NEVER.has(set.type));
  const isOurs = ({before: set}: Change): boolean => set !== undefined && owns(set);
  const owned = present.filter(owns);
  const byKey = new Map(present.map((set) => [setKey(set), set]));
  const blocked = blockers(zone, present, goals);

  const wishes = [...goals.values()].flatMap((after): Change[] => {
    const existing = byKey.get(setKey(after));
    if (existing === undefined) return [{after}];
    return sameSet(existing, after) ? [] : [{before: existing, after}];
  });
  const removals = [...new Set([...owned.filter((set) => !goals.has(setKey(set))), ...blocked])].map((set) => ({
    before: set,
  }));
  const all = [...wishes, ...removals];
  const unreadable = marker !== undefined && before === undefined;
  const conflicts = [
    ...all.filter((change) => change.before !== undefined && !isOurs(change)),
    // Of a newer quiver, or of something else altogether.
    ...(unreadable ? changeOf(marker, wantedMarker) : []),
  ];
  const inTheWay = adopt ? conflicts.filter(({before: set}) => !REPLACEABLE.has(set?.type ?? '')) : conflicts;
  const changes = inOrder(all.filter((change) => !inTheWay.includes(change)));
  const touched = new Set(changes.map((change) => change.before).filter((set) => set !== undefined));
  const markers = markerChanges(zone, marker, wantedMarker, before, changes.length > 0);
  const steps = [markers.first, ...workingOrder(changes), markers.last].filter((batch) => batch.length > 0);
  return {
    zone,
    provider,
    changes,
    steps,
    conflicts: inTheWay,
    kept: sortSets(current.filter((set) => !touched.has(set) && !owns(set) && !isMarker(set))),
    ownedRecords: owned.reduce((sum, {values}) => sum + values.length, 0),
    deletions: changes.reduce((sum, change) => sum + (isOurs(change) ? lostRecords(change) : 0), 0),
    checksum: steps.length === 0 ? '' : checksumOf(zone, provider, steps),
  };
}

export function sameSet(a: RecordSet | undefined, b: RecordSet | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.ttlSeconds === b.ttlSeconds && a.proxied === b.proxied && a.values.join('\n') === b.values.join('\n');
}

/** Existing sets that can't stand beside a wanted one: a CNAME is alone at its name, but for the zone's own, if it has one. */
function blockers(zone: string, present: readonly RecordSet[], goals: ReadonlyMap<string, RecordSet>): RecordSet[] {
  const byName = Map.groupBy(goals.values(), ({name}) => name);
  return present.filter((set) => {
    const wanted = byName.get(set.name);
    // A CNAME of the zone itself is Cloudflare's way of writing addresses.
    if (wanted === undefined || goals.has(setKey(set)) || set.name === zone) return false;
    return set.type === 'CNAME' || wanted.some(({type}) => type === 'CNAME');
  });
}

/** Several records are there when two machines began at once. */
function ownershipIn(marker: RecordSet | undefined): Ownership | undefined {
  const read = (marker?.values ?? []).map((value) => readOwnership(txtText(value)));
  const [first, ...others] = read.filter((ownership) => ownership !== undefined);
  return first === undefined ? undefined : others.reduce(joinOwnership, first);
}

/** Says first that all of both is ours, so that a crash leaves nothing without an owner; at the end only what is left. */
function markerChanges(
  zone: string,
  marker: RecordSet | undefined,
  goal: RecordSet | undefined,
  before: Ownership | undefined,
  hasWork: boolean,
): {first: Change[]; last: Change[]} {
  const after = ownershipIn(goal);
  if (goal === undefined || after === undefined) return {first: [], last: []};
  const joined = ownershipRecord(zone, before === undefined ? after : joinOwnership(before, after));
  const during = {...joined, ttlSeconds: goal.ttlSeconds};
  const start = hasWork ? during : marker;
  return {first: changeOf(marker, start), last: changeOf(start, goal)};
}

function changeOf(before: RecordSet | undefined, after: RecordSet | undefined): Change[] {
  if (sameSet(before, after)) return [];
  return [{...(before !== undefined && {before}), ...(after !== undefined && {after})}];
}

/** What exists grows and changes before anything goes; only at a name whose type changes the old set is removed first. */
function workingOrder(changes: readonly Change[]): Change[][] {
  const renewed = new Set(changes.map(({after}) => after?.name).filter((name) => name !== undefined));
  const isGone = ({before, after}: Change): boolean => after === undefined && !renewed.has(before?.name ?? '');
  const standing = changes.filter((change) => !isGone(change));
  const byName = Map.groupBy(standing, ({before, after}) => (after ?? before)?.name);
  const removedFirst = [...byName.values()].flatMap((group) =>
    group.toSorted((a, b) => Number(a.after !== undefined) - Number(b.after !== undefined)),
  );
  return [removedFirst, changes.filter(isGone)];
}

function inOrder(changes: readonly Change[]): Change[] {
  const bySet = new Map(changes.map((change) => [change.after ?? change.before, change]));
  return sortSets([...bySet.keys()].filter((set) => set !== undefined)).flatMap((set) => bySet.get(set) ?? []);
}

function lostRecords({before, after}: Change): number {
  return Math.max(0, (before?.values.length ?? 0) - (after?.values.length ?? 0));
}

function checksumOf(zone: string, provider: string, steps: readonly (readonly Change[])[]): string {
  const text = JSON.stringify([zone, provider, steps]);
  return createHash('sha256').update(text).digest('hex').slice(0, CHECKSUM_CHARACTERS);
}
