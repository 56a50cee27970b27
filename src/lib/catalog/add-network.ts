import {readFile} from 'node:fs/promises';

import type {Places} from '../config/places.ts';
import {parseProfile} from '../config/profile-file.ts';
import {saveProfile} from '../config/profile-store.ts';
import {BUILT_IN_PROFILES, protocolPrefix, type NetworkProfile, ZERO_ADDRESS} from '../config/profile.ts';
import {EXIT, QuiverError} from '../core/errors.ts';
import {parseBootstrap, parsePeerAddress} from '../p2p/peer-address.ts';
import {openProfile} from '../records/signed-profile.ts';

/** Larger files are not profiles. */
const MAX_PROFILE_BYTES = 131_072;

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

export interface AddedNetwork {
  profile: NetworkProfile;
  file: string;
  /** Peer id of whoever signed the profile. */
  signer?: string;
}

/** Checks every address and writes the profile; errors as of `parseBootstrap` and `saveProfile`. */
export async function addNetwork(
  places: Places,
  network: NewNetwork,
  options: {replace: boolean},
): Promise<AddedNetwork> {
  const {name, bootstrap, relay, loopbackOnly} = network;
  parseBootstrap(bootstrap);
  relay.forEach(parsePeerAddress);
  const chain = BUILT_IN_PROFILES.get(network.chain)?.chain;
  if (chain === undefined) throw new TypeError(`no such chain: ${network.chain}`);
  const profile: NetworkProfile = {
    name,
    bootstrapNodes: bootstrap,
    relayNodes: relay,
    stunServers: [],
    loopbackOnly,
    protocolPrefix: protocolPrefix(name),
    chain,
    settlement: ZERO_ADDRESS,
  };
  return {profile, file: await saveProfile(places, profile, options)};
}

/**
 * Adds the network that an operator has published, if its signature holds and is by the signer that is expected.
 * Throws RECORD_INVALID, NETWORK_SIGNER, NETWORK_NAME, and the errors of `parseProfile` and `saveProfile`.
 */
export async function addSignedNetwork(
  places: Places,
  {name, from, signer}: {name: string; from: string; signer?: string | undefined},
  options: {replace: boolean},
): Promise<AddedNetwork> {
  const content = await readFile(from);
  const signed = await openProfile(content.subarray(0, MAX_PROFILE_BYTES).toString('utf8'));
  if (signer !== undefined && signed.signer !== signer) {
    throw new QuiverError({
      code: 'NETWORK_SIGNER',
      message: `${from} was signed by ${signed.signer}, not by ${signer}`,
      fix: 'Ask the operator of the network for the file anew.',
      exit: EXIT.refused,
    });
  }
  const [, published = name] = /^name: *([\w-]+) *$/m.exec(signed.yaml) ?? [];
  // It is part of the protocols that peers speak.
  if (published !== name) {
    throw new QuiverError({
      code: 'NETWORK_NAME',
      message: `${from} is of the network ${published}, and everyone on it calls it so`,
      fix: `quiver network add ${published} --from ${from}`,
      exit: EXIT.usage,
    });
  }
  const profile = await parseProfile(signed.yaml, from, name);
  parseBootstrap(profile.bootstrapNodes);
  profile.relayNodes.forEach(parsePeerAddress);
  return {profile, file: await saveProfile(places, profile, options), signer: signed.signer};
}
