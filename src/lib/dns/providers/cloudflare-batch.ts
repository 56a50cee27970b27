import type {RecordBatchParams, RecordResponse} from 'cloudflare/resources/dns/records.js';

import {setKey, type RecordSet} from '../model/record-set.ts';
import {cloudflareContent, fromCloudflare} from '../write/cloudflare-record.ts';
import {inGroups} from './apply-changes.ts';
import type {Change} from './provider.ts';

/** Changes in one batch, which is all or nothing; what the free plan takes. */
const MAX_BATCH = 200;
const PROXIABLE: ReadonlySet<string> = new Set(['A', 'AAAA', 'CNAME']);

/** In the order in which Cloudflare carries them out. */
const KINDS = ['deletes', 'patches', 'posts'] as const;
type Operation = readonly [kind: (typeof KINDS)[number], body: object];
export type Batch = Pick<RecordBatchParams, (typeof KINDS)[number]>;

/** Changes in groups that fit into a batch, from the records as they are; those of one name alone may need several. */
export function inBatches(changes: readonly Change[], records: readonly RecordResponse[]): Change[][] {
  const bySet = Map.groupBy(records, recordKey);
  return inGroups(changes, MAX_BATCH, (change) => operations(change, bySet).length);
}

/**
 * The batches for a group of changes, from the records as they are. Only what differs is touched, and a record that
 * gets another value stays the same record, so that comments and tags on it are kept.
 */
export function toBatches(changes: readonly Change[], records: readonly RecordResponse[]): Batch[] {
  const bySet = Map.groupBy(records, recordKey);
  const all = changes
    .flatMap((change) => operations(change, bySet))
    .toSorted(([a], [b]) => KINDS.indexOf(a) - KINDS.indexOf(b));
  return Array.from({length: Math.ceil(all.length / MAX_BATCH)}, (_, index) =>
    toBatch(all.slice(index * MAX_BATCH, (index + 1) * MAX_BATCH)),
  );
}

function recordKey({name, type}: RecordResponse): string {
  return setKey({name: name.toLowerCase(), type});
}

function operations({before, after}: Change, bySet: ReadonlyMap<string, readonly RecordResponse[]>): Operation[] {
  const existing = before === undefined ? [] : (bySet.get(setKey(before)) ?? []);
  if (after === undefined) return existing.map(({id}) => ['deletes', {id}]);
  const stays = (record: RecordResponse): boolean => after.values.includes(fromCloudflare(record));
  const there = new Set(existing.map(fromCloudflare));
  const added = after.values.filter((value) => !there.has(value));
  const free = existing.filter((record) => !stays(record));
  const differs = ({ttl, proxied = false}: RecordResponse): boolean =>
    ttl !== after.ttlSeconds || proxied !== after.proxied;
  return [
    ...free.slice(added.length).map(({id}): Operation => ['deletes', {id}]),
    ...existing
      .filter((record) => stays(record) && differs(record))
      .map(({id}): Operation => ['patches', {id, ...settings(after)}]),
    ...added.map((value, index): Operation => {
      const body = {...settings(after), ...cloudflareContent(after.type, value)};
      const reused = free[index];
      return reused === undefined ? ['posts', body] : ['patches', {id: reused.id, ...body}];
    }),
  ];
}

function settings({name, type, ttlSeconds: ttl, proxied}: RecordSet): object {
  return {name, type, ttl, ...(PROXIABLE.has(type) && {proxied})};
}

function toBatch(work: readonly Operation[]): Batch {
  const of = (kind: Operation[0]): object[] => work.filter(([each]) => each === kind).map(([, body]) => body);
  // Bodies are written from text, field by field; the client's types want each type's own.
  return {deletes: of('deletes'), patches: of('patches'), posts: of('posts')} as Batch;
}
