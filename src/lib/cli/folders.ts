import {homedir} from 'node:os';
import {isAbsolute, join, resolve} from 'node:path';

import {placesUnder, type Places} from '../config/places.ts';

/** The folders that oclif chose for this platform (XDG on Linux, Library on macOS). */
export interface PlatformFolders {
  configDir: string;
  dataDir: string;
}

/** QUIVER_HOME moves all four places together; else each is where the platform keeps such things. */
export function placesOf(folders: PlatformFolders, environment: Readonly<Record<string, string | undefined>>): Places {
  const home = environment['QUIVER_HOME'];
  if (home !== undefined && home !== '') return placesUnder(resolve(home));
  const state = join(folder(environment['XDG_STATE_HOME']) ?? join(homedir(), '.local', 'state'), 'quiver');
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
