import type {Places} from '../config/places.ts';
import {saveProfile} from '../config/profile-store.ts';
import {BUILT_IN_PROFILES, protocolPrefix, type NetworkProfile, ZERO_ADDRESS} from '../config/profile.ts';
import {parseBootstrap, parsePeerAddress} from '../p2p/peer-address.ts';

export interface NewNetwork {
  name: string;
  /** As for `--bootstrap`. */
  bootstrap: readonly string[];
  /** Addresses or peer ids. */
  relay: readonly string[];
  /** A built-in profile whose chain is used. */
  chain: 'local' | 'amoy' | 'polygon';
  loopbackOnly: boolean;
}

/** Checks every address and writes the profile; errors as of `parseBootstrap` and `saveProfile`. */
export async function addNetwork(
  places: Places,
  network: NewNetwork,
  options: {replace: boolean},
): Promise<{profile: NetworkProfile; file: string}> {
  const {name, bootstrap, relay, loopbackOnly} = network;
  parseBootstrap(bootstrap);
  relay.forEach(parsePeerAddress);
  const chain = BUILT_IN_PROFILES.get(network.chain)?.chain;
  if (chain === undefined) throw new TypeError(`no such chain: ${network.chain}`);
  const profile: NetworkProfile = {
    name,
    bootstrapNodes: bootstrap,
    relayNodes: relay,
    loopbackOnly,
    protocolPrefix: protocolPrefix(name),
    chain,
    settlement: ZERO_ADDRESS,
  };
  return {profile, file: await saveProfile(places, profile, options)};
}
