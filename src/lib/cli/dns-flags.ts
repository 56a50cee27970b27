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
