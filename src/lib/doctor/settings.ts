import type {Config} from '../config/config.ts';
import {nearest} from '../config/errors.ts';
import type {Environment} from '../config/expand.ts';
import {CONFIG_KEYS, environmentName} from '../config/schema.ts';
import {ok, warn, type Check} from './check.ts';

/** Read by quiver or oclif without being a configuration key. */
const OTHER_VARIABLES = ['QUIVER_HOME', 'QUIVER_CONFIG', 'QUIVER_CONTENT_TYPE', 'QUIVER_DEBUG', 'QUIVER_ICE_TOKEN'];
/** Where oclif keeps its own things; bin/run.js derives them from QUIVER_HOME. */
const OCLIF_FOLDERS = ['QUIVER_CONFIG_DIR', 'QUIVER_DATA_DIR', 'QUIVER_CACHE_DIR'];

export function settingsCheck(loadConfig: () => Promise<Config>): Check {
  return {
    name: 'settings',
    async run() {
      const config = await loadConfig();
      const origins = config.entries().map(({origin}) => origin.layer);
      const own = origins.filter((layer) => layer !== 'default' && layer !== 'profile').length;
      return ok(`profile ${config.profile.name}; ${own} of ${CONFIG_KEYS.length} keys set (quiver config show)`);
    },
  };
}

/** A misspelt variable is ignored in silence otherwise. */
export function environmentCheck(environment: Environment): Check {
  return {
    name: 'environment',
    run() {
      const known = [...CONFIG_KEYS.map(environmentName), ...OTHER_VARIABLES];
      const set = Object.keys(environment).filter(
        (name) => name.startsWith('QUIVER_') && !OCLIF_FOLDERS.includes(name),
      );
      const unknown = set.find((name) => !known.includes(name));
      if (unknown === undefined) return ok(set.length === 0 ? 'no QUIVER_ variables' : set.join(', '));
      const meant = nearest(unknown, known);
      const fix = meant === undefined ? `unset ${unknown}` : `Did you mean ${meant}?`;
      return warn(`${unknown} is set, but nothing reads it`, fix);
    },
  };
}

/** Without an entry point a node stays alone. */
export function entryPointsCheck(loadConfig: () => Promise<Config>): Check {
  return {
    name: 'entry points',
    async run() {
      const config = await loadConfig();
      const nodes = config.get('network.bootstrap_nodes');
      if (nodes.length > 0) return ok(`${nodes.length} bootstrap nodes`);
      if (config.profile.loopbackOnly) return ok('none needed: local nodes find one another through `quiver up`');
      return warn(
        `profile ${config.profile.name} names no bootstrap node`,
        'quiver config set network.bootstrap_nodes HOST:4001',
      );
    },
  };
}
