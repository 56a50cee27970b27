import {constants} from 'node:fs';
import {open} from 'node:fs/promises';

import {QuiverError} from '../core/errors.ts';
import {explainFileError} from '../core/system-error.ts';

/** The longest key file of ours has 68 bytes; this leaves room for white space. */
const MAX_KEY_FILE_BYTES = 4_096;
const OTHERS_MAY_READ_OR_WRITE = 0o077;

/**
 * The bytes of a key file; undefined when there is none.
 * Throws IDENTITY_TOO_OPEN when others could read or replace it, IDENTITY_UNREADABLE when we can't read it.
 */
export async function readKeyFile(path: string): Promise<Uint8Array | undefined> {
  try {
    // A pipe without a writer would hold us for ever.
    await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stat = await file.stat();
    const {mode, size} = stat;
    if (!stat.isFile()) throw damagedKey(path, 'it is no file');
    if ((mode & OTHERS_MAY_READ_OR_WRITE) !== 0) throw tooOpen(path, mode);
    if (size > MAX_KEY_FILE_BYTES) throw damagedKey(path, `it has ${size} bytes`);
    return await file.readFile();
  } catch (error) {
    if (error instanceof QuiverError || !(error instanceof Error)) throw error;
    const code = 'code' in error ? String(error.code) : '';
    if (code === 'ENOENT') return undefined;
    if (code !== 'EACCES' && code !== 'EPERM') throw explainFileError(error) ?? error;
    throw new QuiverError({
      code: 'IDENTITY_UNREADABLE',
      message: `The key file ${path} cannot be read (${code})`,
      fix: `sudo chown "$(id -un)" '${path}' && chmod 600 '${path}'`,
      cause: error,
    });
  }
}

/** The message never holds anything of the file's content. */
export function damagedKey(path: string, fault: string, cause?: unknown): QuiverError {
  return new QuiverError({
    code: 'IDENTITY_DAMAGED',
    message: `The key file ${path} is damaged: ${fault}`,
    fix: `Put your backup in its place, or give the identity up and start with a new one: mv '${path}' '${path}.damaged'`,
    cause,
  });
}

function tooOpen(path: string, mode: number): QuiverError {
  return new QuiverError({
    code: 'IDENTITY_TOO_OPEN',
    message: `Others on this machine can get at the key file ${path} (mode ${(mode & 0o777).toString(8)})`,
    fix: `chmod 600 '${path}'`,
  });
}
