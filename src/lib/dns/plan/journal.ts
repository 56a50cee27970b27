import {mkdir, readFile, unlink} from 'node:fs/promises';
import {dirname} from 'node:path';

import {replaceFile} from '../../core/private-file.ts';
import {bySet, type RecordSet} from '../model/record-set.ts';
import type {Change} from '../providers/provider.ts';
import {applyChanges, changeKey} from '../providers/apply-changes.ts';
import {sameSet, type ZonePlan} from './plan.ts';

/** A plan that is being carried out: what stays on disk until it is done, so that a crash half way can be told from a stranger's change. */
interface Journal {
  checksum: string;
  changes: readonly Change[];
}

/** Written before the first change. */
export async function startJournal(file: string, plan: ZonePlan): Promise<void> {
  await mkdir(dirname(file), {recursive: true});
  const journal: Journal = {checksum: plan.checksum, changes: plan.steps.flat()};
  await replaceFile(file, `${JSON.stringify(journal)}\n`);
}

export async function endJournal(file: string): Promise<void> {
  await unlink(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
}

/**
 * Whether the plan with this checksum was begun here, everything it touches is still as it was or already as it is to
 * be, and what is left to do (`rest`) ends where it was to end: then going on carries out what was agreed to, and
 * nothing else.
 */
export async function canResume(
  file: string,
  checksum: string,
  current: readonly RecordSet[],
  rest: ZonePlan,
): Promise<boolean> {
  const journal = await readJournal(file);
  if (journal?.checksum !== checksum) return false;
  const now = bySet(current);
  const end = bySet(applyChanges(current, rest.steps.flat()));
  const agreed = Map.groupBy(journal.changes, changeKey);
  return (
    rest.steps.flat().every((change) => agreed.has(changeKey(change))) &&
    [...agreed].every(
      ([key, changes]) =>
        changes.some(({before, after}) => [before, after].some((state) => sameSet(state, now.get(key)))) &&
        sameSet(changes.at(-1)?.after, end.get(key)),
    )
  );
}

/** Undefined when there is none, or none that can be read: then nothing was begun that anyone could go on with. */
async function readJournal(file: string): Promise<Journal | undefined> {
  try {
    const journal: unknown = JSON.parse(await readFile(file, 'utf8'));
    return isJournal(journal) ? journal : undefined;
  } catch {
    return undefined;
  }
}

function isJournal(value: unknown): value is Journal {
  return (
    typeof value === 'object' &&
    value !== null &&
    'checksum' in value &&
    'changes' in value &&
    Array.isArray(value.changes)
  );
}
