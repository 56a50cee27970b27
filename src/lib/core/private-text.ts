import {open} from 'node:fs/promises';

import {QuiverError} from './errors.ts';
import {explainFileError} from './system-error.ts';

const OTHERS_MAY_READ_OR_WRITE = 0o077;

/**
 * The text of a file with secrets in it; undefined when there is none.
 * Errors: SECRET_FILE_OPEN when others could read or replace it, SECRET_FILE_KIND, SECRET_FILE_LONG, and those of the file system. None
 * of them holds anything of the content.
 */
export async function readPrivateText(path: string, limitBytes: number): Promise<string | undefined> {
  try {
    await using file = await open(path, 'r');
    const stat = await file.stat();
    const {mode, size} = stat;
    if (!stat.isFile()) throw noFile(path);
    if ((mode & OTHERS_MAY_READ_OR_WRITE) !== 0) throw tooOpen(path, mode);
    if (size > limitBytes) throw tooLong(path, limitBytes);
    return await file.readFile('utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw explainFileError(error) ?? error;
  }
}

function tooOpen(path: string, mode: number): QuiverError {
  return new QuiverError({
    code: 'SECRET_FILE_OPEN',
    message: `Others on this machine can get at ${path} (mode ${(mode & 0o777).toString(8)}), which holds secrets`,
    fix: `chmod 600 '${path}'`,
  });
}

function noFile(path: string): QuiverError {
  return new QuiverError({
    code: 'SECRET_FILE_KIND',
    message: `${path} should be a file with secrets, and is no file`,
    fix: `Look at what it is: ls -ld '${path}'`,
  });
}

function tooLong(path: string, limitBytes: number): QuiverError {
  return new QuiverError({
    code: 'SECRET_FILE_LONG',
    message: `${path} should hold secrets and has more than ${limitBytes} bytes`,
    fix: `Look at what it is: file '${path}'`,
  });
}
