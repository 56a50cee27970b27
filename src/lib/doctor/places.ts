import {constants} from 'node:fs';
import {access, readdir, stat, statfs} from 'node:fs/promises';
import {basename, dirname, join} from 'node:path';

import {controlSocket, identitiesFolder, type Places} from '../config/places.ts';
import {fail, ok, type Check, type Finding} from './check.ts';

/** Group and others may not write where our keys, sockets and settings are. */
const OTHERS_MAY_WRITE = 0o022;
/** sun_path of unix(7) has 108 bytes on Linux and 104 on macOS, the closing zero included. */
const MAX_SOCKET_PATH_BYTES = 103;
/** Room for the receipts and the peers of some days; databases fail in odd ways before the last byte is taken. */
const ENOUGH_FREE_BYTES = 16 * 1024 * 1024;

export function placesCheck(
  places: Places,
  profileName: () => Promise<string>,
  enoughFreeBytes = ENOUGH_FREE_BYTES,
): Check {
  return {
    name: 'folders',
    async run() {
      for (const folder of [places.config, places.data, places.state, places.run]) {
        const problem = await folderProblem(folder, enoughFreeBytes);
        if (problem !== undefined) return problem;
      }
      const socket = controlSocket(places, await profileName());
      if (Buffer.byteLength(socket) > MAX_SOCKET_PATH_BYTES) {
        const limit = `the path of a socket has at most ${MAX_SOCKET_PATH_BYTES} bytes`;
        return fail(`${socket} is too long: ${limit}`, 'export QUIVER_HOME="$HOME/.quiver"');
      }
      return ok(`writable: ${places.config}, ${places.data}, ${places.state}, ${places.run}`);
    },
  };
}

/** Every key file there is has to be readable, closed to others, and whole. */
export function identitiesCheck(places: Places): Check {
  return {
    name: 'identities',
    async run() {
      const folder = identitiesFolder(places);
      const files = (await readdir(folder).catch((): string[] => [])).filter((name) => name.endsWith('.key'));
      if (files.length === 0) return ok('none yet: a service makes its own at its first start');
      const [{loadPeerKey}, {loadPaymentKey}] = await Promise.all([
        import('../identity/peer-key.ts'),
        import('../identity/payment-key.ts'),
      ]);
      for (const name of files) {
        const path = join(folder, name);
        await (name.endsWith('.payment.key') ? loadPaymentKey(path) : loadPeerKey(path));
      }
      return ok(
        `${files.length} key file${files.length === 1 ? '' : 's'}: ${files.map((name) => basename(name, '.key')).join(', ')}`,
      );
    },
  };
}

async function folderProblem(folder: string, enoughFreeBytes: number): Promise<Finding | undefined> {
  const existing = await nearestExisting(folder);
  const found = await stat(existing);
  if (!found.isDirectory()) return fail(`${existing} is no folder`, `mv '${existing}' '${existing}.old'`);
  try {
    await access(existing, constants.W_OK | constants.X_OK);
  } catch {
    if (existing === folder) return fail(`${folder} is not writable`, `sudo chown "$(id -un)" '${folder}'`);
    return fail(`${folder} can't be made in ${existing}`, 'Choose another place: export QUIVER_HOME=FOLDER');
  }
  const {bavail, bsize} = await statfs(existing);
  const freeBytes = bavail * bsize;
  if (freeBytes < enoughFreeBytes) {
    return fail(
      `only ${Math.floor(freeBytes / 1024)} KiB are free for ${folder}`,
      `Free some space: df -h '${existing}'`,
    );
  }
  if (existing !== folder || (found.mode & OTHERS_MAY_WRITE) === 0) return undefined;
  return fail(`others may write to ${folder} (mode ${(found.mode & 0o777).toString(8)})`, `chmod go-w '${folder}'`);
}

async function nearestExisting(folder: string): Promise<string> {
  const found = await stat(folder).catch(() => undefined);
  if (found !== undefined || dirname(folder) === folder) return folder;
  return nearestExisting(dirname(folder));
}
