import {homedir} from 'node:os';
import {isAbsolute, join, resolve} from 'node:path';

import {placesUnder, type Places} from '../config/places.ts';
import {EXIT, QuiverError} from '../core/errors.ts';

/** The folders that oclif chose for this platform (XDG on Linux, Library on macOS). */
export interface PlatformFolders {
  configDir: string;
  dataDir: string;
}

/**
 * QUIVER_HOME moves all four places together; else each is where the platform keeps such things.
 * Throws NO_HOME where the platform has no place for this user: oclif would take the shared temporary folder.
 */
export function placesOf(folders: PlatformFolders, environment: Readonly<Record<string, string | undefined>>): Places {
  const home = environment['QUIVER_HOME'];
  if (home !== undefined && home !== '') return placesUnder(resolve(home));
  const user = userFolder();
  const state = join(folder(environment['XDG_STATE_HOME']) ?? join(user, '.local', 'state'), 'quiver');
  const session = folder(environment['XDG_RUNTIME_DIR']);
  return {
    config: folders.configDir,
    data: folders.dataDir,
    state,
    // Without a session (a unit file, a container) there is no XDG_RUNTIME_DIR.
    run: session === undefined ? join(state, 'run') : join(session, 'quiver'),
  };
}

/** The XDG specification wants a relative path ignored. */
function folder(path: string | undefined): string | undefined {
  return path !== undefined && isAbsolute(path) ? path : undefined;
}

function userFolder(): string {
  let path = '';
  try {
    path = homedir();
  } catch {
    // A user that the system has no entry for, as in many containers, and no HOME either.
  }
  if (isAbsolute(path)) return path;
  throw new QuiverError({
    code: 'NO_HOME',
    message: 'This user has no home folder to keep identities and settings in',
    fix: 'export QUIVER_HOME=/path/to/a/folder   (or HOME)',
    exit: EXIT.usage,
  });
}
