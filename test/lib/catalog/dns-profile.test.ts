import {expect, it} from 'vitest';

import {addNetwork} from '../../../src/lib/catalog/add-network.ts';
import {exportProfile} from '../../../src/lib/catalog/dns-profile.ts';
import {topologyInput} from '../../../src/lib/catalog/dns-topology.ts';
import {loadConfig} from '../../../src/lib/config/load.ts';
import {placesUnder} from '../../../src/lib/config/places.ts';
import {parseProfile} from '../../../src/lib/config/profile-file.ts';
import {readTopology} from '../../../src/lib/dns/model/read-topology.ts';
import {peerFromKey} from '../../../src/lib/records/peer-key.ts';
import {openProfile} from '../../../src/lib/records/signed-profile.ts';
import {temporaryFolder} from '../../support/temporary-folder.ts';

const PEER = peerFromKey(new Uint8Array(32).fill(7));

it('a published network names its own STUN servers', async () => {
  const folder = temporaryFolder();
  const places = placesUnder(folder);
  const bootstrap = ['bootstrap.quiver.example:4001'];
  await addNetwork(
    places,
    {name: 'my-net', bootstrap, relay: [], chain: 'amoy', loopbackOnly: false},
    {replace: false},
  );
  const environment = {
    QUIVER_PROFILE: 'my-net',
    QUIVER_DNS_ZONE: 'quiver.example',
    QUIVER_DNS_HOSTS: '203.0.113.10',
    QUIVER_DNS_PEER_IDS: `bootstrap1=${PEER}`,
    QUIVER_TURN_PORT: '3479',
  };
  const config = await loadConfig({places, cwd: folder, environment});
  const signed = await openProfile(await exportProfile(config, places, readTopology(topologyInput(config))));
  const profile = await parseProfile(signed.yaml, 'my-net.profile', 'my-net');
  expect(profile.stunServers).toEqual(['stun:stun.quiver.example:3478', 'stun:turn.quiver.example:3479']);
});

it('is not published where its bootstraps have no port that others could dial', async () => {
  const folder = temporaryFolder();
  const places = placesUnder(folder);
  const environment = {
    QUIVER_PROFILE: 'amoy',
    QUIVER_DNS_ZONE: 'quiver.example',
    QUIVER_DNS_HOSTS: '203.0.113.10',
    QUIVER_DNS_PEER_IDS: `bootstrap1=${PEER}`,
    QUIVER_BOOTSTRAP_PORT: '0',
    QUIVER_BOOTSTRAP_WS_PORT: 'off',
  };
  const config = await loadConfig({places, cwd: folder, environment});
  const published = exportProfile(config, places, readTopology(topologyInput(config)));
  await expect(published).rejects.toMatchObject({code: 'DNS_PROFILE', exit: 2});
});
