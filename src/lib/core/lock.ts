import {mkdir, rm, rmdir, stat} from 'node:fs/promises';
import {dirname} from 'node:path';

import {pause} from './pause.ts';
import {PRIVATE_FOLDER_MODE} from './private-file.ts';

/** What is done under a lock takes milliseconds; an older one was left by a process that died in between. */
const AGE_LIMIT_MS = 5_000;
const RETRY_MS = 20;

/** Does `work` while no other process does anything under the lock of this path, a folder that exists meanwhile. */
export async function withLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  await take(path);
  try {
    return await work();
  } finally {
    await rmdir(path).catch(() => undefined);
  }
}

async function take(path: string): Promise<void> {
  await mkdir(dirname(path), {recursive: true, mode: PRIVATE_FOLDER_MODE});
  for (;;) {
    try {
      await mkdir(path);
      return;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    }
    const found = await stat(path).catch(() => undefined);
    // One from the future was left before the clock was set back.
    const isOld = found !== undefined && Math.abs(Date.now() - found.mtimeMs) > AGE_LIMIT_MS;
    if (isOld) await rm(path, {recursive: true, force: true});
    else await pause(RETRY_MS);
  }
}
