import type {Interfaces} from '@oclif/core';

import {QuiverError} from '../core/errors.ts';
import type {Backend} from '../inference/backend.ts';

/** A plugin that asks a remote engine what it has should not hold up the start for longer. */
const HOOK_TIMEOUT_MS = 10_000;

/**
 * The back ends that installed plugins offer through their `backends` hook (types: `@quiver-network/quiver/plugin`).
 * Throws QuiverError PLUGIN_FAILED with the plugin's name when one throws, hangs or returns something else.
 */
export async function collectPluginBackends(config: Interfaces.Config): Promise<Backend[]> {
  const {successes, failures} = await config.runHook('backends', {}, HOOK_TIMEOUT_MS, true);
  const [failure] = failures;
  if (failure) throw pluginFailed(failure.plugin.name, failure.error);
  return successes.flatMap(({plugin, result}) => {
    if (!Array.isArray(result)) throw pluginFailed(plugin.name, new Error('its hook "backends" returned no list'));
    return result as Backend[];
  });
}

function pluginFailed(name: string, cause: Error): QuiverError {
  return new QuiverError({
    code: 'PLUGIN_FAILED',
    message: `The plugin ${name} could not offer its back ends: ${cause.message}`,
    fix: `quiver plugins uninstall ${name}`,
    cause,
  });
}
