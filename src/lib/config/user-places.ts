import {homedir} from 'node:os';
import {isAbsolute, join, resolve} from 'node:path';

import {EXIT, QuiverError} from '../core/errors.ts';
import type {Environment} from './expand.ts';
import {placesUnder, type Places} from './places.ts';

/** Folders that were chosen for this platform, as oclif does it (XDG on Linux, Library on macOS). */
export interface PlatformFolders {
  configDir: string;
  dataDir: string;
}

/**
 * QUIVER_HOME moves all four places together; else each is where the platform keeps such things: `folders`, or the XDG
 * folders where nobody has chosen. Throws NO_HOME where there is no place for this user, rather than share one.
 */
export function userPlaces(environment: Environment, folders?: PlatformFolders): Places {
  const home = environment['QUIVER_HOME'];
  if (home !== undefined && home !== '') return placesUnder(resolve(home));
  const user = userFolder();
  const under = (base: string | undefined, ...usual: string[]): string =>
    join(folder(base) ?? join(user, ...usual), 'quiver');
  const state = under(environment['XDG_STATE_HOME'], '.local', 'state');
  const session = folder(environment['XDG_RUNTIME_DIR']);
  return {
    config: folders?.configDir ?? under(environment['XDG_CONFIG_HOME'], '.config'),
    data: folders?.dataDir ?? under(environment['XDG_DATA_HOME'], '.local', 'share'),
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
