import {EXIT, QuiverError} from '../../core/errors.ts';
import {bySet, setKey, type RecordSet} from '../model/record-set.ts';
import {sameSet} from '../plan/plan.ts';
import type {Change} from './provider.ts';

/** Of the set that it changes. */
export function changeKey({before, after}: Change): string {
  return setKey(before ?? after ?? {name: '', type: ''});
}

/** Whether the sets are what the changes end in. */
export function areCarriedOut(changes: readonly Change[], sets: readonly RecordSet[]): boolean {
  const now = bySet(sets);
  const end = new Map(changes.map((change) => [changeKey(change), change.after]));
  return [...end].every(([key, after]) => sameSet(now.get(key), after));
}

/** The sets after the changes. Throws DNS_CHANGED when one is no longer what a change starts from. */
export function applyChanges(sets: readonly RecordSet[], changes: readonly Change[]): RecordSet[] {
  const now = bySet(sets);
  for (const {before, after} of changes) {
    const set = before ?? after;
    if (set === undefined) continue;
    const key = setKey(set);
    if (!sameSet(now.get(key), before)) throw movedOn(set);
    if (after === undefined) now.delete(key);
    else now.set(key, after);
  }
  return [...now.values()];
}

/** Changes in groups of up to `most` by `sizeOf`, those of one name together, so that no name is half there in between. */
export function inGroups(changes: readonly Change[], most: number, sizeOf: (change: Change) => number): Change[][] {
  const groups: Change[][] = [];
  let left = 0;
  for (const group of Map.groupBy(changes, ({before, after}) => (after ?? before)?.name).values()) {
    const size = group.reduce((sum, change) => sum + sizeOf(change), 0);
    if (size > left || groups.length === 0) {
      groups.push([]);
      left = most;
    }
    groups.at(-1)?.push(...group);
    left -= size;
  }
  return groups;
}

/** Somebody else was faster. */
export function movedOn(set: RecordSet): QuiverError {
  return new QuiverError({
    code: 'DNS_CHANGED',
    message: `${set.name} ${set.type} was changed by somebody else meanwhile`,
    fix: 'quiver dns plan',
    exit: EXIT.refused,
  });
}
