import {expect, test} from 'vitest';

import {startNode} from '../../support/nodes.ts';

test('others are told the most useful addresses first, and no link-local ones', async () => {
  const relay = 'p2p/12D3KooWCk3UKLtRoj5zXQgbX5KZCczsbgBQeLq5THDnCwLfEbN1/p2p-circuit';
  const everywhere = ['/ip4/8.8.4.4/tcp/4001', '/dns4/node.quiver.example/tcp/4001', '/ip6/2600::1/udp/4001/quic-v1'];
  const relayed = [`/ip4/8.8.8.8/tcp/4001/${relay}`];
  const site = ['/ip4/172.17.0.1/tcp/4001', '/ip6/fd00::2/tcp/4001'];
  const machine = ['/ip4/127.0.0.1/tcp/4001', `/ip4/127.0.0.1/tcp/4001/${relay}`, '/ip6/::1/tcp/4001'];
  const link = ['/ip6/fe80::1/udp/4001/quic-v1', '/ip4/169.254.1.1/tcp/4001'];
  const node = await startNode({
    roles: ['client'],
    announce: [...machine, ...link, ...site, ...relayed, ...everywhere],
  });
  expect(node.getMultiaddrs().map((address) => address.toString().replace(/\/p2p\/[^/]+$/, ''))).toEqual([
    ...everywhere,
    ...relayed,
    ...site,
    ...machine,
  ]);
});

test('a node that listens everywhere tells of no address that nobody can dial', async () => {
  const node = await startNode({roles: ['client'], listen: {host: '::', tcp: 0, quic: 0, ws: 0}});
  const told = node.getMultiaddrs().map(String);
  expect(told.length).toBeGreaterThan(0);
  expect(told.join(' ')).not.toMatch(/fe80|\/ip6\/::\/|0\.0\.0\.0/);
});
