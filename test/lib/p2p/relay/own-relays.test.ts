import {multiaddr} from '@multiformats/multiaddr';
import {expect, test} from 'vitest';

import type {QuiverNode} from '../../../../src/lib/p2p/node-options.ts';
import {STOP_PROTOCOL} from '../../../../src/lib/p2p/relay/messages.ts';
import {addressOf, circuitTo, startNode, startRelayedProvider, until} from '../../../support/nodes.ts';

function listeners(node: QuiverNode): number {
  const {transportManager} = Reflect.get(node, 'components') as {transportManager: {getListeners(): object[]}};
  return transportManager.getListeners().length;
}

test('a stranger that offers circuits does not make a node listen there; its own relay still brings them', async () => {
  const relay = await startNode({roles: ['relay']});
  const provider = await startRelayedProvider(relay, {listen: {host: '127.0.0.1', tcp: 0}});
  await until(() => provider.getMultiaddrs().some((address) => address.toString().includes('p2p-circuit')));
  const before = listeners(provider);
  const stranger = await startNode({roles: ['client']});
  const connection = await stranger.dial(multiaddr(addressOf(provider)));
  for (let i = 0; i < 10; i += 1) {
    const stream = await connection.newStream(STOP_PROTOCOL);
    await until(() => stream.status !== 'open');
  }
  expect(listeners(provider)).toBe(before);
  const client = await startNode({roles: ['client'], listen: {host: '127.0.0.1'}});
  const circuit = await client.dial(multiaddr(circuitTo(relay, provider)));
  expect(circuit.remotePeer.equals(provider.peerId)).toBe(true);
});
