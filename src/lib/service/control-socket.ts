import {lstat, mkdir, rm, stat} from 'node:fs/promises';
import {dirname} from 'node:path';

import {QuiverError} from '../core/errors.ts';
import {withLock} from '../core/lock.ts';
import {controlClient} from './control-client.ts';
import type {HttpFace} from './http-face.ts';
import {answersAt} from './run-file.ts';

/** sun_path holds 108 bytes on Linux and 104 on macOS, the closing zero included (unix(7)). */
const PATH_LIMIT_BYTES = 103;
const PID_DEADLINE_MS = 1_000;

/**
 * Makes `face` listen on a Unix socket that only this user can open, replacing one that a killed process left.
 * Errors: ALREADY_RUNNING, SOCKET_PATH_LONG, SOCKET_PATH_TAKEN, RUN_FOLDER_OPEN.
 */
export async function listenOnSocket(face: HttpFace, path: string): Promise<void> {
  if (Buffer.byteLength(path) > PATH_LIMIT_BYTES) throw pathTooLong(path);
  await prepareFolder(dirname(path));
  // Two processes that start at once would both find the same stale socket, and the later would remove the other's.
  await withLock(`${path}.lock`, async () => {
    await removeStale(path);
    // The socket is made during this call, which returns at once: nobody can open it before it is private.
    const before = process.umask(0o177);
    const listening = face.listen({path});
    process.umask(before);
    await listening;
  });
}

/** A folder that others may write to would let them put their own socket in the place of ours. */
async function prepareFolder(folder: string): Promise<void> {
  await mkdir(folder, {recursive: true, mode: 0o700});
  const {mode} = await stat(folder);
  if ((mode & 0o022) === 0) return;
  throw new QuiverError({
    code: 'RUN_FOLDER_OPEN',
    message: `Other users may write to the folder of the control socket, ${folder}`,
    fix: `chmod 700 '${folder}'`,
  });
}

async function removeStale(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) return;
  if (!found.isSocket()) {
    throw new QuiverError({
      code: 'SOCKET_PATH_TAKEN',
      message: `${path} is to be the control socket, but something else has that name`,
      fix: `Move it away: mv '${path}' '${path}.old'`,
    });
  }
  if (await answersAt(path)) throw await alreadyRunning(path);
  await rm(path, {force: true});
}

async function alreadyRunning(path: string): Promise<QuiverError> {
  const info = await controlClient(path, {answerDeadlineMs: PID_DEADLINE_MS})
    .get('/info')
    .catch(() => undefined);
  const pid = typeof info === 'object' && info !== null && 'pid' in info ? ` (pid ${Number(info.pid)})` : '';
  return new QuiverError({
    code: 'ALREADY_RUNNING',
    message: `quiver is already running in this profile${pid}`,
    fix: 'Stop it first: quiver stop; or keep both, this one under its own QUIVER_HOME.',
  });
}

function pathTooLong(path: string): QuiverError {
  return new QuiverError({
    code: 'SOCKET_PATH_LONG',
    message: `The path of the control socket is longer than the system allows (${PATH_LIMIT_BYTES} bytes): ${path}`,
    fix: 'Set QUIVER_HOME to a folder with a shorter path.',
  });
}
