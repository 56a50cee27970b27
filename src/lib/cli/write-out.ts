import {readFile} from 'node:fs/promises';
import {resolve} from 'node:path';

import {PUBLIC_FILE_MODE, replaceFile} from '../core/private-file.ts';

/**
 * Writes a text to a file in one step, or gives it back where no file is named. What stands in the file is told to
 * `write`; a file that would not change is left alone.
 */
export async function writeOut(
  write: (previous?: string) => Promise<string>,
  out: string | undefined,
): Promise<{text: string; file?: string}> {
  if (out === undefined) return {text: await write()};
  const file = resolve(out);
  const previous = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    return undefined;
  });
  const text = await write(previous);
  if (text !== previous) await replaceFile(file, text, PUBLIC_FILE_MODE);
  return {text, file};
}
