import {Flags} from '@oclif/core';

import {keyFlag, keyListFlag} from './flags.ts';

/** What describes the network for every dns command, beside the settings. */
export const TOPOLOGY_FLAGS = {
  zone: keyFlag('dns.zone'),
  layout: keyFlag('dns.layout'),
  host: keyListFlag('dns.hosts'),
  region: keyListFlag('dns.regions'),
  'peer-id': keyListFlag('dns.peer_ids'),
  'name-server': keyListFlag('dns.name_servers'),
};

/** Who serves the zone, and what may be taken over there. */
export const PROVIDER_FLAGS = {
  provider: keyFlag('dns.provider'),
  server: keyFlag('dns.server'),
  'zone-file': keyFlag('dns.zone_file'),
  adopt: Flags.boolean({description: "Take over records at quiver's names that somebody else made"}),
};
