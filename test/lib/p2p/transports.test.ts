import {createSocket} from 'node:dgram';
import {once} from 'node:events';

import {noise} from '@libp2p/noise';
import {tcp} from '@libp2p/tcp';
import {yamux} from '@libp2p/yamux';
import {multiaddr} from '@multiformats/multiaddr';
import {createLibp2p} from 'libp2p';
import {expect, onTestFinished, test} from 'vitest';

import type {ListenOptions} from '../../../src/lib/p2p/listen.ts';
import type {NodeNetwork, QuiverNode} from '../../../src/lib/p2p/node-options.ts';
import {listPeers} from '../../../src/lib/p2p/peer-list.ts';
import {
  addressOf,
  circuitTo,
  handleEcho,
  NETWORK,
  startNode,
  startRelayedProvider,
  until,
} from '../../support/nodes.ts';

/** Message type of a Binding request (RFC 8489 section 5). */
const STUN_BINDING = 0x0001;

async function echoOnce(listen: ListenOptions, address: RegExp) {
  const server = await startNode({roles: ['bootstrap'], listen});
  await handleEcho(server);
  const client = await startNode({roles: ['client'], listen});
  const target = server.getMultiaddrs().find((item) => address.test(item.toString()))!;
  const connection = await client.dial(target);
  const stream = await connection.newStream('/test/echo/1');
  const answer = new Promise<string>((resolve) => {
    stream.addEventListener('message', ({data}) => resolve(Buffer.from(data.subarray()).toString()));
  });
  stream.send(Buffer.from('hello'));
  expect(await answer).toBe('hello');
  return {connection, peers: await listPeers(server)};
}

test('TCP speaks TLS 1.3 first, over yamux', async () => {
  const {connection, peers} = await echoOnce({host: '127.0.0.1', tcp: 0}, /\/tcp\/\d+\/p2p/);
  expect(connection.encryption).toBe('/tls/1.0.0');
  expect(connection.multiplexer).toBe('/yamux/1.0.0');
  expect(peers).toMatchObject([{transport: 'tcp', direction: 'inbound', encryption: '/tls/1.0.0', limited: false}]);
});

test('WebSocket', async () => {
  const {peers} = await echoOnce({host: '127.0.0.1', ws: 0}, /\/ws\//);
  expect(peers).toMatchObject([{transport: 'ws'}]);
});

test('QUIC', async () => {
  const {peers} = await echoOnce({host: '127.0.0.1', quic: 0}, /\/quic-v1/);
  expect(peers).toMatchObject([{transport: 'quic', encryption: 'native'}]);
});

test('WebRTC-direct', async () => {
  const {peers} = await echoOnce({host: '127.0.0.1', webrtcDirect: 0}, /\/webrtc-direct/);
  expect(peers).toMatchObject([{transport: 'webrtc-direct'}]);
});

test('IPv6', async () => {
  const {peers} = await echoOnce({host: '::1', tcp: 0}, /\/ip6\/::1\/tcp/);
  expect(peers[0]?.address).toContain('/ip6/::1/');
});

test('Noise with a peer that has no TLS', async () => {
  const server = await startNode({roles: ['bootstrap']});
  const stranger = await createLibp2p({
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
  });
  onTestFinished(async () => stranger.stop());
  const connection = await stranger.dial(multiaddr(addressOf(server)));
  expect(connection.encryption).toBe('/noise');
});

async function connectByWebRtc(profile: NodeNetwork) {
  const relay = await startNode({roles: ['relay', 'bootstrap'], profile});
  const withWebRtc = {host: '127.0.0.1', webrtcDirect: 0};
  const relayed = {...profile, relayNodes: [addressOf(relay)]};
  const provider = await startRelayedProvider(relay, {listen: withWebRtc, profile: relayed});
  await until(() => provider.services.sockets.addresses().some((item) => item.toString().includes('p2p-circuit')));
  const client = await startNode({roles: ['client'], listen: withWebRtc, profile});
  const address = multiaddr(circuitTo(relay, provider).replace('/p2p-circuit/', '/p2p-circuit/webrtc/'));
  // @libp2p/webrtc 6.0.33 drops candidates that arrive together with the answer, as they do on loopback: dial again.
  const connection = await until(
    () => client.dial(address, {signal: AbortSignal.timeout(2_000)}).catch(() => undefined),
    25_000,
  );
  return {connection, client, provider};
}

test('WebRTC between two peers that only a relay joins, without any STUN server', async () => {
  const {connection, client, provider} = await connectByWebRtc(NETWORK);
  expect(connection.limits).toBeUndefined();
  const direct = (await listPeers(client)).find(({transport}) => transport === 'webrtc');
  expect(direct?.peerId).toBe(provider.peerId.toString());
});

test("WebRTC asks the network's own STUN servers and no others", async () => {
  const stun = createSocket('udp4');
  onTestFinished(() => void stun.close());
  const asked = new Set<number>();
  stun.on('message', (request, {port}) => void (request.readUInt16BE(0) === STUN_BINDING && asked.add(port)));
  stun.bind(0, '127.0.0.1');
  await once(stun, 'listening');
  const own = `stun:127.0.0.1:${stun.address().port}`;
  const {client, provider} = await connectByWebRtc({...NETWORK, loopbackOnly: false, stunServers: [own]});
  // Each of the two from a socket of its own.
  expect(asked.size).toBeGreaterThanOrEqual(2);
  expect([client, provider].map(iceServersOf)).toEqual([[{urls: [own]}], [{urls: [own]}]]);
});

test('where no STUN server is named, none is asked, least of all those of the package', async () => {
  const profile = {...NETWORK, loopbackOnly: false};
  expect(iceServersOf(await startNode({roles: ['client'], profile}))).toEqual([]);
  // On one machine there is no NAT to look through.
  const here = {...NETWORK, stunServers: ['stun:203.0.113.5:3478']};
  const listen = {host: '127.0.0.1', webrtcDirect: 0};
  expect(iceServersOf(await startNode({roles: ['client'], listen, profile: here}))).toEqual([]);
});

/** What the WebRTC transport of a node was given; libp2p hides it. */
function iceServersOf(node: QuiverNode): unknown {
  const {transportManager} = Reflect.get(node, 'components') as {transportManager: {getTransports(): object[]}};
  const transport = transportManager
    .getTransports()
    .find((each) => Reflect.get(each, Symbol.toStringTag) === '@libp2p/webrtc');
  return (Reflect.get(transport!, 'init') as {rtcConfiguration: {iceServers: unknown}}).rtcConfiguration.iceServers;
}

test('the sockets of one node stay apart', async () => {
  const node = await startNode({
    roles: ['relay'],
    listen: {host: '127.0.0.1', tcp: 0, quic: 0, ws: 0, webrtcDirect: 0},
  });
  const kinds = node.services.sockets.addresses().map((address) =>
    address
      .getComponents()
      .slice(1)
      .map(({name}) => name),
  );
  expect(kinds).toEqual(
    expect.arrayContaining([['tcp'], ['udp', 'quic-v1'], ['tcp', 'ws'], ['udp', 'webrtc-direct', 'certhash']]),
  );
});

test('a node of a public network has every transport, and asks for relay slots', async () => {
  const profile = {...NETWORK, loopbackOnly: false};
  const relay = await startNode({
    roles: ['relay', 'bootstrap'],
    profile,
    listen: {host: '127.0.0.1', tcp: 0, quic: 0, ws: 0, webrtcDirect: 0},
  });
  expect(relay.services.dht.getMode()).toBe('server');
  const provider = await startNode({
    roles: ['provider'],
    profile,
    bootstrap: [addressOf(relay)],
    listen: {host: '127.0.0.1'},
  });
  expect(provider.services.dht.getMode()).toBe('client');
  await until(() => provider.getMultiaddrs().some((address) => address.toString().includes('/p2p-circuit')));
  await provider.dial(
    relay.getMultiaddrs().find((address) => address.toString().includes('/quic-v1'))!,
    {force: true},
  );
  const transports = (await listPeers(provider)).map(({transport}) => transport);
  expect(transports).toEqual(['tcp', 'quic']);
});
