import type {Interfaces} from '@oclif/core';

import {QuiverError} from '../core/errors.ts';
import type {DnsProvider} from '../dns/providers/provider.ts';
import type {Backend} from '../inference/backend.ts';

/** A plugin that asks a remote engine what it has should not hold up the start for longer. */
const HOOK_TIMEOUT_MS = 10_000;

/**
 * The back ends that installed plugins offer through their `backends` hook (types: `@quiver-network/quiver/plugin`).
 * Throws QuiverError PLUGIN_FAILED with the plugin's name when one throws, hangs or returns something else.
 */
export function collectPluginBackends(config: Interfaces.Config): Promise<Backend[]> {
  return collect<Backend>(config, 'backends');
}

/** The DNS providers of their `dns_providers` hook; errors as above. */
export function collectPluginDnsProviders(config: Interfaces.Config): Promise<DnsProvider[]> {
  return collect<DnsProvider>(config, 'dns_providers');
}

async function collect<Offer>(config: Interfaces.Config, hook: string): Promise<Offer[]> {
  const {successes, failures} = await config.runHook(hook, {}, HOOK_TIMEOUT_MS, true);
  const [failure] = failures;
  if (failure) throw pluginFailed(failure.plugin.name, hook, failure.error);
  return successes.flatMap(({plugin, result}) => {
    if (!Array.isArray(result)) throw pluginFailed(plugin.name, hook, new Error('it returned no list'));
    return result as Offer[];
  });
}

function pluginFailed(name: string, hook: string, cause: Error): QuiverError {
  return new QuiverError({
    code: 'PLUGIN_FAILED',
    message: `The plugin ${name} failed in its hook "${hook}": ${cause.message}`,
    fix: `quiver plugins uninstall ${name}`,
    cause,
  });
}
