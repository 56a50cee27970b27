import type {Config} from '../config/config.ts';
import {peerKeyFile, type Places} from '../config/places.ts';
import {profileToYaml} from '../config/profile-file.ts';
import {EXIT, QuiverError} from '../core/errors.ts';
import {multiaddrs} from '../dns/build/dnsaddr.ts';
import type {Topology} from '../dns/model/topology.ts';
import {loadOrCreatePeerKey} from '../identity/peer-key.ts';
import {signProfile} from '../records/signed-profile.ts';

/** The key that answers for what an operator publishes. */
const OPERATOR = 'operator';

/**
 * The network of the settings for everyone who is to join it through this zone, signed by the operator's key.
 * Throws usage errors where nobody could join: on a local profile, and without a bootstrap that can be dialled.
 */
export async function exportProfile(config: Config, places: Places, {zone, nodes, ports}: Topology): Promise<string> {
  const {profile} = config;
  const listed = (service: 'bootstrap' | 'relay'): string[] =>
    nodes.some((node) => node.service === service && multiaddrs(node, ports[service]).length > 0)
      ? [`/dnsaddr/${service}.${zone}`]
      : [];
  if (profile.loopbackOnly) {
    throw unusable(`The profile ${profile.name} is for one machine`, 'Name the network: --profile my-net');
  }
  if (listed('bootstrap').length === 0) {
    throw unusable(
      'No bootstrap has both a peer id and a port that is published, so nobody could join',
      'Give them: --peer-id bootstrap1=12D3KooW…, and bootstrap.port in quiver.yaml',
    );
  }
  // TURN servers answer STUN too.
  const stunServers = (['stun', 'turn'] as const).flatMap((service) => {
    const {udp} = ports[service];
    return udp !== undefined && nodes.some((node) => node.service === service)
      ? [`stun:${service}.${zone}:${udp}`]
      : [];
  });
  const key = await loadOrCreatePeerKey(peerKeyFile(places, OPERATOR));
  const yaml = await profileToYaml({
    ...profile,
    bootstrapNodes: listed('bootstrap'),
    relayNodes: listed('relay'),
    stunServers,
  });
  return signProfile(yaml, key);
}

function unusable(message: string, fix: string): QuiverError {
  return new QuiverError({code: 'DNS_PROFILE', message, fix, exit: EXIT.usage});
}
