import {join} from 'node:path';

import {generateKeyPair} from '@libp2p/crypto/keys';
import {multiaddr} from '@multiformats/multiaddr';
import {pino} from 'pino';
import {expect, test} from 'vitest';

import type {QuiverNode} from '../../../src/lib/p2p/node-options.ts';
import {addressOf, startNode, until} from '../../support/nodes.ts';
import {temporaryFolder} from '../../support/temporary-folder.ts';

const portOf = (node: QuiverNode): number =>
  Number(
    node.services.sockets
      .addresses()[0]!
      .getComponents()
      .find(({name}) => name === 'tcp')!.value,
  );

test('a node whose bootstraps are all dead starts, and says so', async () => {
  const started = performance.now();
  const node = await startNode({roles: ['provider'], bootstrap: ['127.0.0.1:1', '/ip4/127.0.0.1/tcp/2']});
  expect(performance.now() - started).toBeLessThan(3_000);
  expect(await node.services.rejoin.firstContact).toBe(false);
  expect(node.services.rejoin.peers()).toMatchObject([
    {address: '127.0.0.1:1', connected: false, failures: 1},
    {address: '/ip4/127.0.0.1/tcp/2', connected: false, failures: 1},
  ]);
  expect(node.services.rejoin.peers()[0]!.lastError).toMatch(/ECONNREFUSED/);
});

test('a bootstrap that comes later, or back, is joined', async () => {
  const privateKey = await generateKeyPair('Ed25519');
  const first = await startNode({roles: ['bootstrap'], privateKey});
  const port = portOf(first);
  const node = await startNode({roles: ['provider'], bootstrap: [addressOf(first)]});
  expect(await node.services.rejoin.firstContact).toBe(true);
  await first.stop();
  await until(() => node.getPeers().length === 0);
  const second = await startNode({roles: ['bootstrap'], privateKey, listen: {host: '127.0.0.1', tcp: port}});
  expect(second.peerId.equals(first.peerId)).toBe(true);
  await until(() => node.services.rejoin.peers()[0]!.connected, 15_000);
});

test('with every bootstrap gone, a restarted node finds its way back through the peers it remembers', async () => {
  const peerStorePath = join(temporaryFolder(), 'peers.db');
  const privateKey = await generateKeyPair('Ed25519');
  const bootstrap = await startNode({roles: ['bootstrap']});
  const dead = addressOf(bootstrap);
  const friend = await startNode({roles: ['provider'], bootstrap: [dead]});
  const node = await startNode({roles: ['provider'], bootstrap: [dead], privateKey, peerStorePath});
  await node.dial(friend.getMultiaddrs());
  await until(async () => (await node.peerStore.get(friend.peerId)).addresses.length > 0);
  await node.stop();
  await bootstrap.stop();
  const again = await startNode({roles: ['provider'], bootstrap: [dead], privateKey, peerStorePath});
  expect(again.peerId.equals(node.peerId)).toBe(true);
  await until(() => again.getPeers().some((peer) => peer.equals(friend.peerId)), 15_000);
});

test('an address without a peer id is trusted on first use, aloud, and pinned', async () => {
  const lines: string[] = [];
  const log = pino({level: 'warn'}, {write: (line) => lines.push(line)});
  const peerStorePath = join(temporaryFolder(), 'peers.db');
  const bootstrap = await startNode({roles: ['bootstrap']});
  const port = portOf(bootstrap);
  const options = {roles: ['client'] as const, bootstrap: [`127.0.0.1:${port}`], peerStorePath, log};
  const node = await startNode(options);
  expect(await node.services.rejoin.firstContact).toBe(true);
  expect(node.services.rejoin.peers()[0]!.peerId).toBe(bootstrap.peerId.toString());
  expect(lines.join('')).toMatch(/trusting the peer that answered first/);
  await node.stop();
  await bootstrap.stop();
  // Somebody else takes the address.
  await startNode({roles: ['bootstrap'], listen: {host: '127.0.0.1', tcp: port}});
  const again = await startNode(options);
  expect(await again.services.rejoin.firstContact).toBe(false);
  expect(again.getPeers()).toHaveLength(0);
});

test('a bootstrap that finds itself in the list does not dial itself', async () => {
  const privateKey = await generateKeyPair('Ed25519');
  const first = await startNode({roles: ['bootstrap'], privateKey});
  const self = addressOf(first);
  await first.stop();
  const node = await startNode({roles: ['bootstrap'], privateKey, bootstrap: [self]});
  expect(await node.services.rejoin.firstContact).toBe(true);
  expect(node.services.rejoin.peers()).toEqual([]);
});

test.each(['/ip4/192.0.2.1/tcp/4001', 'bootstrap.quiver.example:4001', '/dnsaddr/quiver.example'])(
  'a loopback network does not take %s for a bootstrap',
  async (address) => {
    await expect(startNode({roles: ['client'], bootstrap: [address]})).rejects.toMatchObject({
      code: 'BEYOND_LOOPBACK',
      exit: 2,
      message: expect.stringContaining(address),
    });
  },
);

test('a loopback network dials nothing beyond this machine, whoever names it', async () => {
  const node = await startNode({roles: ['client']});
  await expect(node.dial(multiaddr('/ip4/192.0.2.1/tcp/4001'))).rejects.toThrow(/gater denied/);
});
