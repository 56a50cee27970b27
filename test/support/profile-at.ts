import {BUILT_IN_PROFILES, type NetworkProfile} from '../../src/lib/config/profile.ts';

/** The local profile with another chain id, at an RPC server. */
export function profileAt(url: string, chainId: number): NetworkProfile {
  const local = BUILT_IN_PROFILES.get('local')!;
  return {...local, chain: {id: chainId, name: `test ${chainId}`, rpcUrls: [url]}};
}
