import {mkdir, readdir, rm} from 'node:fs/promises';
import {join} from 'node:path';

import {PRIVATE_FOLDER_MODE} from '../../core/private-file.ts';
import {isRunning} from '../../service/run-file.ts';

/**
 * Makes an empty folder for this process below `base`, for this user only, and removes those of processes that were
 * killed, since there are secrets in them.
 */
export async function openRunFolder(base: string): Promise<string> {
  await mkdir(base, {recursive: true, mode: PRIVATE_FOLDER_MODE});
  const folder = join(base, String(process.pid));
  for (const name of await readdir(base)) {
    const isStale = /^\d+$/.test(name) && (Number(name) === process.pid || !(await isRunning(Number(name))));
    if (isStale) await rm(join(base, name), {recursive: true, force: true});
  }
  await mkdir(folder, {mode: PRIVATE_FOLDER_MODE});
  return folder;
}
