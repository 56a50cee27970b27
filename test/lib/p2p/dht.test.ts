import {expect, test} from 'vitest';

import type {RecordRules} from '../../../src/lib/p2p/node-options.ts';
import {addressOf, startNode, until} from '../../support/nodes.ts';

const rules: RecordRules = {
  validate(_key, value) {
    if (value[0] === 0) throw new Error('starts with zero');
  },
  select: (_key, records) => records.findIndex((record) => record[0] === Math.max(...records.map((each) => each[0]!))),
};
const records = new Map([['quiver-test', rules]]);
const key = Buffer.from('/quiver-test/one');

async function lookUp(node: Awaited<ReturnType<typeof startNode>>): Promise<Uint8Array | undefined> {
  for await (const event of node.services.dht.get(key, {signal: AbortSignal.timeout(10_000)})) {
    if (event.name === 'VALUE') return event.value;
  }
  return undefined;
}

test('a record put by one provider is found by a client through the bootstrap', async () => {
  const bootstrap = await startNode({roles: ['bootstrap'], records});
  const join = {bootstrap: [addressOf(bootstrap)], records};
  const provider = await startNode({roles: ['provider'], ...join});
  await until(() => provider.services.dht.getMode() === 'server');
  await provider.services.rejoin.firstContact;
  const client = await startNode({roles: ['client'], ...join});
  expect(client.services.dht.getMode()).toBe('client');
  const signal = AbortSignal.timeout(10_000);
  await Array.fromAsync(provider.services.dht.put(key, Buffer.of(7, 7), {signal}));
  expect(Buffer.from(await until(() => lookUp(client)))).toEqual(Buffer.of(7, 7));
});

test('a record that breaks the rules of its namespace is stored nowhere', async () => {
  const bootstrap = await startNode({roles: ['bootstrap'], records});
  // This one has no rules of its own that would stop it from sending.
  const careless = new Map([['quiver-test', {...rules, validate: () => undefined}]]);
  const liar = await startNode({roles: ['provider'], bootstrap: [addressOf(bootstrap)], records: careless});
  await liar.services.rejoin.firstContact;
  await Array.fromAsync(liar.services.dht.put(key, Buffer.of(0), {signal: AbortSignal.timeout(5_000)}));
  expect(await lookUp(bootstrap).catch(() => undefined)).toBeUndefined();
});

test('a node that was told not to serves no DHT', async () => {
  const node = await startNode({roles: ['bootstrap'], serveDht: false});
  expect(node.services.dht.getMode()).toBe('client');
  expect(node.getProtocols()).not.toContain('/quiver/test/kad/1.0.0');
});

test('networks do not mix: the prefix keeps their DHTs and topics apart', async () => {
  const bootstrap = await startNode({roles: ['bootstrap']});
  expect(bootstrap.getProtocols()).toContain('/quiver/test/kad/1.0.0');
  expect(bootstrap.getProtocols()).not.toContain('/ipfs/kad/1.0.0');
  expect(bootstrap.services.pubsub.getTopics()).toEqual([
    '/quiver/test/rfq/1',
    '/quiver/test/manifest/1',
    '/quiver/test/bid/1',
  ]);
});

test('pings of one connection at the same moment do not hinder one another, nor cut the connection', async () => {
  const bootstrap = await startNode({roles: ['bootstrap']});
  const client = await startNode({roles: ['client'], bootstrap: [addressOf(bootstrap)]});
  await client.services.rejoin.firstContact;
  const pings = Array.from({length: 8}, () => client.services.ping.ping(bootstrap.peerId));
  expect((await Promise.allSettled(pings)).filter(({status}) => status === 'rejected')).toEqual([]);
  expect(client.getConnections()).toHaveLength(1);
});
