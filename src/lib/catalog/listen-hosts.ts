import {networkInterfaces} from 'node:os';

/**
 * Where a server listens when the settings name no address. Starting one of a public network is the telling to open it
 * to that network, on all interfaces; a machine without IPv6 has no address to bind for it.
 */
export function listenHosts(named: readonly string[], {loopbackOnly}: {loopbackOnly: boolean}): readonly string[] {
  if (named.length > 0) return named;
  if (loopbackOnly) return ['127.0.0.1'];
  const known = Object.values(networkInterfaces()).flatMap((infos) => infos ?? []);
  return known.some(({family}) => family === 'IPv6') ? ['0.0.0.0', '::'] : ['0.0.0.0'];
}
