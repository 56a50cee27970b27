import {multiaddr} from '@multiformats/multiaddr';
import {expect, test} from 'vitest';

import {subnetOf} from '../../../src/lib/p2p/admission.ts';
import {ROLES, traitsOf} from '../../../src/lib/p2p/roles.ts';
import {addressOf, startNode, until} from '../../support/nodes.ts';

test('one subnet has so many connections and no more; a free place can be taken again', async () => {
  const node = await startNode({roles: ['bootstrap'], limits: {maxInboundPerSubnet: 2}});
  const clients = await Promise.all([1, 2, 3].map(() => startNode({roles: ['client'], listen: {host: '127.0.0.1'}})));
  const target = multiaddr(addressOf(node));
  await clients[0]!.dial(target);
  await clients[1]!.dial(target);
  await expect(clients[2]!.dial(target)).rejects.toThrow();
  expect(node.services.admission.refused).toBe(1);
  await clients[0]!.hangUp(node.peerId);
  await until(() => node.getConnections().length === 1);
  await clients[2]!.dial(target);
});

test('a node takes so many peers and no more', async () => {
  const node = await startNode({roles: ['provider'], limits: {maxPeers: 3}});
  const clients = await Promise.all(
    [1, 2, 3, 4].map(() => startNode({roles: ['client'], listen: {host: '127.0.0.1'}})),
  );
  for (const client of clients.slice(0, 3)) await client.dial(multiaddr(addressOf(node)));
  await expect(clients[3]!.dial(multiaddr(addressOf(node)))).rejects.toThrow();
  expect(node.getPeers()).toHaveLength(3);
});

// libp2p's own limit of 5 a second would turn 15 of them away.
test('20 peers behind one address all get in at once on a public node', async () => {
  const node = await startNode({roles: ['bootstrap'], limits: ROLES.bootstrap.limits});
  const clients = await Promise.all(
    Array.from({length: 20}, () => startNode({roles: ['client'], listen: {host: '127.0.0.1'}})),
  );
  const dials = await Promise.allSettled(clients.map((client) => client.dial(multiaddr(addressOf(node)))));
  expect(dials.filter(({status}) => status === 'rejected')).toEqual([]);
}, 45_000);

test('subnets: /24 and /56, and none for what a relay passes on', () => {
  const same = (a: string, b: string) => subnetOf(multiaddr(a)) === subnetOf(multiaddr(b));
  expect(same('/ip4/198.51.100.1/tcp/1', '/ip4/198.51.100.254/udp/2/quic-v1')).toBe(true);
  expect(same('/ip4/198.51.100.1/tcp/1', '/ip4/198.51.101.1/tcp/1')).toBe(false);
  expect(same('/ip6/2001:db8:1:2300::1/tcp/1', '/ip6/2001:db8:1:23ff::2/tcp/1')).toBe(true);
  expect(same('/ip6/2001:db8:1:2300::1/tcp/1', '/ip6/2001:db8:1:2400::1/tcp/1')).toBe(false);
  expect(subnetOf(multiaddr('/ip4/198.51.100.1/tcp/1/p2p-circuit'))).toBeUndefined();
  expect(subnetOf(multiaddr('/dns4/quiver.example/tcp/1'))).toBeUndefined();
});

test('roles together have the larger limits and all abilities', () => {
  const both = traitsOf(['provider', 'bootstrap'], {maxPeers: 7});
  expect(both).toMatchObject({dht: 'server', gossipHub: true, relayServer: false, wantsRelay: true});
  expect(both.limits).toEqual({...ROLES.bootstrap.limits, maxPeers: 7});
  expect(traitsOf(['provider', 'relay']).wantsRelay).toBe(false);
});
