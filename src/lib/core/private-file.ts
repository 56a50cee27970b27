import {randomBytes} from 'node:crypto';
import {chmod, chown, constants, copyFile, link, mkdir, open, realpath, rename, stat, unlink} from 'node:fs/promises';
import {dirname} from 'node:path';

/** Only its owner may read or write it. */
const PRIVATE_FILE_MODE = 0o600;
export const PRIVATE_FOLDER_MODE = 0o700;

/** For files that other programs are to read, e.g. a name server its zone. */
export const PUBLIC_FILE_MODE = 0o644;

const MODE_BITS = 0o777;

/** File systems that know no hard links answer with one of these. */
const NO_HARD_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);

/**
 * Creates a file (0600) with all of its content at once; false, and nothing changed, when there is one already.
 * Of several processes that try it together exactly one succeeds, and none ever sees half a file.
 */
export async function createPrivateFile(path: string, content: string | Uint8Array): Promise<boolean> {
  const temporary = await writeTemporary(path, content);
  try {
    await link(temporary, path).catch(async (error: unknown) => {
      if (!NO_HARD_LINKS.has(codeOf(error))) throw error;
      await copyFile(temporary, path, constants.COPYFILE_EXCL);
    });
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  } finally {
    await unlink(temporary);
  }
}

/**
 * Replaces a file in one step: a reader sees the old content or the new, also after a crash.
 * A file that is there keeps its mode, stays a symbolic link's target and, as far as this user may give them, keeps its
 * owner and group; a new one is 0600, or what is asked for.
 */
export async function replaceFile(
  path: string,
  content: string | Uint8Array,
  newMode = PRIVATE_FILE_MODE,
): Promise<void> {
  const target = await realpath(path).catch(() => path);
  const before = await stat(target).catch(() => undefined);
  const temporary = await writeTemporary(target, content);
  try {
    if (before !== undefined) await giveTo(temporary, before);
    await chmod(temporary, before === undefined ? newMode : before.mode & MODE_BITS);
    await rename(temporary, target);
  } catch (error) {
    await unlink(temporary);
    throw error;
  }
}

/** A name server may read its zone by its group alone; -1 leaves the owner. */
async function giveTo(path: string, {uid, gid}: {uid: number; gid: number}): Promise<void> {
  await chown(path, uid, gid)
    .catch(() => chown(path, -1, gid))
    .catch(() => undefined);
}

async function writeTemporary(path: string, content: string | Uint8Array): Promise<string> {
  await mkdir(dirname(path), {recursive: true, mode: PRIVATE_FOLDER_MODE});
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  const file = await open(temporary, 'wx', PRIVATE_FILE_MODE);
  try {
    await file.writeFile(content);
    await file.sync();
  } catch (error) {
    // A full disk: half a file would stay there, and what is in it may be secret.
    await unlink(temporary);
    throw error;
  } finally {
    await file.close();
  }
  return temporary;
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
