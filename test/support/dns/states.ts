import {buildRecords} from '../../../src/lib/dns/build/zone.ts';
import {readTopology, type TopologyInput} from '../../../src/lib/dns/model/read-topology.ts';
import type {RecordSet} from '../../../src/lib/dns/model/record-set.ts';
import {network, plainPorts} from './topologies.ts';

/** Networks that a zone is moved through, one after the other; each is a change that operators make. */
export const STATES: readonly (readonly [string, TopologyInput])[] = [
  ['one host', network({layout: 'single', zone: 'quiver.test'})],
  ['a host for each', network({nodes: 2, zone: 'quiver.test'})],
  ['more nodes than fit into one answer', network({nodes: 9, zone: 'quiver.test'})],
  ['without IPv6', network({nodes: 9, ipv6: false, zone: 'quiver.test'})],
  ['on platforms', network({nodes: 3, layout: 'cloud', zone: 'quiver.test'})],
  [
    'other ports, no CAA',
    {
      ...network({nodes: 3, zone: 'quiver.test'}),
      certificateAuthorities: [],
      ports: plainPorts(5001, 3479),
    },
  ],
  [
    'without relays',
    {...network({nodes: 3, zone: 'quiver.test'}), services: ['gateway', 'bootstrap', 'turn'], ...keepHosts(3)},
  ],
  ['one host again', network({layout: 'single', zone: 'quiver.test'})],
];

export function recordsOf(input: TopologyInput): RecordSet[] {
  return buildRecords(readTopology(input));
}

function keepHosts(nodes: number): Partial<TopologyInput> {
  const input = network({nodes, zone: 'quiver.test'});
  const keep = (line: string): boolean => /^(?:gateway|bootstrap\d|turn)=/.test(line);
  return {hosts: input.hosts.filter(keep), peerIds: input.peerIds.filter(keep), regions: [], proxied: ['gateway']};
}
