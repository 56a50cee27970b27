import type {Chain} from '../chain/chain.ts';
import type {Config} from '../config/config.ts';
import {runFile, type Places} from '../config/places.ts';
import {readRunFile} from '../service/run-file.ts';
import {keyListFlag} from './flags.ts';

/** For every command that asks a chain. */
export const CHAIN_FLAGS = {
  'rpc-url': keyListFlag('chain.rpc_urls', {summary: 'RPC server of the chain; can be given again for failover'}),
};

export interface ChainContext {
  settings: Config;
  places: Places;
  environment: Readonly<Record<string, string | undefined>>;
  signal: AbortSignal;
}

/**
 * The chain of the network in use, its id checked: at the servers of the configuration, else at the local chain that
 * runs on this machine, else at RPC_URL, else at those of the profile.
 */
export async function openCommandChain(context: ChainContext): Promise<Chain> {
  const [{openChain}, rpcUrls] = await Promise.all([import('../chain/open-chain.ts'), rpcUrlsOf(context)]);
  return openChain(context.settings.profile, {rpcUrls, signal: context.signal});
}

async function rpcUrlsOf({settings, places, environment}: ChainContext): Promise<readonly string[]> {
  const named = settings.get('chain.rpc_urls');
  if (named.length > 0) return named;
  const running = await readRunFile(runFile(places, settings.profile.name));
  const local = running?.live === true ? running.services.find(({kind}) => kind === 'chain.local') : undefined;
  if (local !== undefined && local.addresses.length > 0) return local.addresses;
  const fromEnvironment = environment['RPC_URL'];
  if (fromEnvironment !== undefined && fromEnvironment !== '')
    return fromEnvironment.split(',').map((url) => url.trim());
  return settings.profile.chain.rpcUrls;
}
