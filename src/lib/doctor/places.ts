import {constants} from 'node:fs';
import {access, readdir, stat} from 'node:fs/promises';
import {basename, dirname, join} from 'node:path';

import {controlSocket, identitiesFolder, type Places} from '../config/places.ts';
import {fail, ok, type Check, type Finding} from './check.ts';

/** Group and others may not write where our keys, sockets and settings are. */
const OTHERS_MAY_WRITE = 0o022;
/** sun_path of unix(7) has 108 bytes on Linux and 104 on macOS, the closing zero included. */
const MAX_SOCKET_PATH_BYTES = 103;

export function placesCheck(places: Places, profileName: () => Promise<string>): Check {
  return {
    name: 'folders',
    async run() {
      for (const folder of [places.config, places.data, places.state, places.run]) {
        const problem = await folderProblem(folder);
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
      return ok(`${files.length} key files: ${files.map((name) => basename(name, '.key')).join(', ')}`);
    },
  };
}

async function folderProblem(folder: string): Promise<Finding | undefined> {
  const existing = await nearestExisting(folder);
  try {
    await access(existing, constants.W_OK | constants.X_OK);
  } catch {
    const what = existing === folder ? `${folder} is not writable` : `${folder} can't be made in ${existing}`;
    return fail(what, `sudo chown "$(id -un)" '${existing}'   (or choose another place: export QUIVER_HOME=…)`);
  }
  const {mode} = await stat(existing);
  if (existing !== folder || (mode & OTHERS_MAY_WRITE) === 0) return undefined;
  return fail(`others may write to ${folder} (mode ${(mode & 0o777).toString(8)})`, `chmod go-w '${folder}'`);
}

async function nearestExisting(folder: string): Promise<string> {
  const found = await stat(folder).catch(() => undefined);
  if (found !== undefined || dirname(folder) === folder) return folder;
  return nearestExisting(dirname(folder));
}
