import {TopicValidatorResult} from '@libp2p/gossipsub';
import {identify} from '@libp2p/identify';
import {noise} from '@libp2p/noise';
import {tcp} from '@libp2p/tcp';
import {yamux} from '@libp2p/yamux';
import {multiaddr} from '@multiformats/multiaddr';
import {createLibp2p} from 'libp2p';
import {expect, onTestFinished, test} from 'vitest';

import {loadGossip, MAX_GOSSIP_BYTES} from '../../../src/lib/p2p/gossip.ts';
import type {QuiverNode} from '../../../src/lib/p2p/node-options.ts';
import {networkNames} from '../../../src/lib/p2p/protocols.ts';
import {traitsOf} from '../../../src/lib/p2p/roles.ts';
import {addressOf, NETWORK, startNode, startRelayedProvider, until} from '../../support/nodes.ts';

const {requestTopic} = networkNames(NETWORK.protocolPrefix);

/** Subscribes and collects what is heard, as text. */
function listen(node: QuiverNode): string[] {
  const heard: string[] = [];
  node.services.pubsub.addEventListener('message', ({detail}) => heard.push(Buffer.from(detail.data).toString()));
  node.services.pubsub.subscribe(requestTopic);
  return heard;
}

const publish = (node: QuiverNode, text: string) => node.services.pubsub.publish(requestTopic, Buffer.from(text));

/** How many peers the node knows to be subscribed. */
const subscribers = (node: QuiverNode): number => node.services.pubsub.getSubscribers(requestTopic).length;

test('16 providers behind one relay all hear a request', async () => {
  const relay = await startNode({roles: ['relay', 'bootstrap']});
  const providers: QuiverNode[] = [];
  for (let i = 0; i < 16; i += 1) providers.push(await startRelayedProvider(relay));
  await until(() => providers.every((provider) => provider.getMultiaddrs().length > 0), 20_000);
  const client = await startNode({roles: ['client'], listen: {host: '127.0.0.1'}});
  // Only through circuits: the client is not connected to the relay's gossip, so the providers' own addresses count.
  const heard = providers.map(listen);
  for (const provider of providers) await client.dial(provider.getMultiaddrs()[0]!);
  await until(() => client.getConnections().filter(({limits}) => limits !== undefined).length === 16);
  await until(() => subscribers(client) >= 16);
  const {recipients} = await publish(client, 'who can answer?');
  expect(recipients.length).toBeGreaterThanOrEqual(16);
  await until(() => heard.every((texts) => texts.length === 1));
}, 45_000);

test('20 nodes that know one bootstrap all hear one another', async () => {
  const bootstrap = await startNode({roles: ['bootstrap']});
  const nodes = await Promise.all(
    Array.from({length: 20}, (_, index) =>
      startNode({roles: [index % 4 === 0 ? 'provider' : 'client'], bootstrap: [addressOf(bootstrap)]}),
    ),
  );
  const heard = nodes.map(listen);
  await Promise.all(nodes.map((node) => node.services.rejoin.firstContact));
  await until(() => subscribers(bootstrap) === 20 && nodes.every((node) => subscribers(node) > 0), 20_000);
  await publish(nodes[7]!, 'one');
  await publish(nodes[13]!, 'two');
  const missing = () => heard.filter((texts, index) => texts.length !== (index === 7 || index === 13 ? 1 : 2)).length;
  await until(() => missing() === 0);
}, 45_000);

test("a bootstrap passes a fresh client's first request on", async () => {
  const bootstrap = await startNode({roles: ['bootstrap']});
  const provider = await startNode({roles: ['provider'], bootstrap: [addressOf(bootstrap)]});
  const heard = listen(provider);
  await until(() => subscribers(bootstrap) === 1);
  const client = await startNode({roles: ['client'], listen: {host: '127.0.0.1'}, bootstrap: [addressOf(bootstrap)]});
  await until(() => subscribers(client) > 0);
  expect((await publish(client, 'hello')).recipients).toHaveLength(1);
  await until(() => heard.includes('hello'));
});

test('what a validator rejects is not passed on, and its sender loses its standing', async () => {
  const hub = await startNode({roles: ['bootstrap']});
  hub.services.pubsub.topicValidators.set(requestTopic, (_peer, message) =>
    Buffer.from(message.data).toString().startsWith('bad') ? TopicValidatorResult.Reject : TopicValidatorResult.Accept,
  );
  const heard = listen(hub);
  const spammer = await startNode({roles: ['client'], bootstrap: [addressOf(hub)]});
  await until(() => subscribers(spammer) === 1);
  await publish(spammer, 'good 1');
  await until(() => heard.includes('good 1'));
  for (let i = 0; i < 20; i += 1) await publish(spammer, `bad ${i}`);
  const score = () => (hub.services.pubsub as any).score.score(spammer.peerId.toString()) as number;
  await until(() => score() < -80);
  await publish(spammer, 'good 2');
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(heard).toEqual(['good 1']);
});

test('a message above the size limit goes nowhere', async () => {
  const hub = await startNode({roles: ['bootstrap']});
  const provider = await startNode({roles: ['provider'], bootstrap: [addressOf(hub)]});
  const heard = listen(provider);
  const client = await startNode({roles: ['client'], bootstrap: [addressOf(hub)]});
  await until(() => subscribers(hub) === 1 && subscribers(client) === 1);
  await publish(client, 'x'.repeat(MAX_GOSSIP_BYTES + 1));
  // The hub ends the stream of whoever sends such a thing, and goes on with the others.
  const other = await startNode({roles: ['client'], bootstrap: [addressOf(hub)]});
  await until(() => subscribers(other) > 0);
  await publish(other, 'small');
  await until(() => heard.length > 0);
  expect(heard).toEqual(['small']);
});

test("topics of a stranger's own are not remembered", async () => {
  const hub = await startNode({roles: ['bootstrap']});
  const gossip = await loadGossip([requestTopic, 'own'], traitsOf(['client']), () => false);
  const stranger = await createLibp2p({
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    services: {identify: identify(), pubsub: gossip},
  });
  onTestFinished(async () => stranger.stop());
  stranger.services.pubsub.subscribe('own');
  stranger.services.pubsub.subscribe(requestTopic);
  await stranger.dial(multiaddr(addressOf(hub)));
  await until(() => subscribers(hub) === 1);
  expect(hub.services.pubsub.getSubscribers('own')).toEqual([]);
});
