import {EXIT, QuiverError} from '../../core/errors.ts';
import {setKey, type RecordSet} from '../model/record-set.ts';
import {sameSet} from '../plan/plan.ts';
import type {Change} from './provider.ts';

/** The sets after the changes. Throws DNS_CHANGED when one is no longer what a change starts from. */
export function applyChanges(sets: readonly RecordSet[], changes: readonly Change[]): RecordSet[] {
  const now = new Map(sets.map((set) => [setKey(set), set]));
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

/** Somebody else was faster. */
export function movedOn(set: RecordSet): QuiverError {
  return new QuiverError({
    code: 'DNS_CHANGED',
    message: `${set.name} ${set.type} was changed by somebody else meanwhile`,
    fix: 'quiver dns plan',
    exit: EXIT.refused,
  });
}
