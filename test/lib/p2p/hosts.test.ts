import {expect, test} from 'vitest';

import {eachHost} from '../../../src/lib/p2p/hosts.ts';
import {startNode} from '../../support/nodes.ts';

test('one address, several, and the one that stands for both families', () => {
  expect(eachHost({host: '127.0.0.1', tcp: 1})).toEqual([{host: '127.0.0.1', tcp: 1}]);
  expect(eachHost({host: ['127.0.0.1', '::1', '::1'], tcp: 1, webrtcDirect: 2})).toEqual([
    {host: '127.0.0.1', tcp: 1, webrtcDirect: 2},
    {host: '::1', tcp: 1, webrtcDirect: false},
  ]);
  const both = [
    {host: '0.0.0.0', quic: 3},
    {host: '::', quic: 3, webrtcDirect: false},
  ];
  expect(eachHost({host: '::', quic: 3})).toEqual(both);
  expect(eachHost({host: ['0.0.0.0', '::'], quic: 3})).toEqual(both);
  expect(eachHost({host: ['127.0.0.1', '::1', '::', '192.0.2.1'], quic: 3})).toEqual(both);
  expect(eachHost({host: ['::1', '127.0.0.1', '0.0.0.0']}).map(({host}) => host)).toEqual(['::1', '0.0.0.0']);
});

test.each(['/ip4/127.0.0.1', '/ip6/::1'])('a node that listens on :: is reached at %s', async (host) => {
  const server = await startNode({roles: ['bootstrap'], listen: {host: '::', tcp: 0, quic: 0, ws: 0, webrtcDirect: 0}});
  const client = await startNode({roles: ['client'], listen: {host: host.split('/')[2]!, quic: 0, ws: 0}});
  const here = server.getMultiaddrs().filter((address) => address.toString().startsWith(`${host}/`));
  for (const transport of [/\/tcp\/\d+\/p2p/, /\/quic-v1\//, /\/ws\//]) {
    const address = here.find((each) => transport.test(each.toString()))!;
    expect((await client.dial(address)).remoteAddr.toString()).toContain(`${host}/`);
    await client.hangUp(server.peerId);
  }
});

test('a node is on loopback only when all of its addresses are', async () => {
  const node = await startNode({roles: ['client'], listen: {host: ['127.0.0.1', '::1'], tcp: 0}});
  expect(node.services.admission.loopbackOnly).toBe(true);
  const open = await startNode({roles: ['client'], listen: {host: ['127.0.0.1', '0.0.0.0'], tcp: 0}});
  expect(open.services.admission.loopbackOnly).toBe(false);
});
