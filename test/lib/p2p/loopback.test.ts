import dgram from 'node:dgram';
import dns from 'node:dns';
import net from 'node:net';

import {multiaddr} from '@multiformats/multiaddr';
import {afterEach, expect, test, vi} from 'vitest';

import {addressOf, circuitTo, startNode, startRelayedProvider, until} from '../../support/nodes.ts';
import {openSockets} from '../../support/open-sockets.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

const LOOPBACK = /^(?:127\.|\[::1\]$)/;

test('a loopback network opens no socket beyond loopback, and asks no name server', async () => {
  const lookup = vi.spyOn(dns, 'lookup');
  const resolve = vi.spyOn(dns.Resolver.prototype, 'resolve');
  const resolveTxt = vi.spyOn(dns.promises.Resolver.prototype, 'resolveTxt');
  const connect = vi.spyOn(net.Socket.prototype, 'connect');
  const send = vi.spyOn(dgram.Socket.prototype, 'send');
  const before = openSockets().length;

  // mDNS is asked for, and must not happen.
  const relay = await startNode({
    roles: ['relay', 'bootstrap'],
    listen: {host: '127.0.0.1', tcp: 0, ws: 0},
    mdns: true,
  });
  const provider = await startRelayedProvider(relay, {bootstrap: [addressOf(relay)], mdns: true});
  await until(() => provider.getMultiaddrs().length > 0);
  const client = await startNode({roles: ['client'], bootstrap: [addressOf(relay)], mdns: true});
  await client.dial(multiaddr(circuitTo(relay, provider)));
  await client.services.pubsub.publish('/quiver/test/rfq/1', Buffer.from('anyone?'));
  await new Promise((done) => setTimeout(done, 500));

  const sockets = openSockets();
  expect(sockets.length).toBeGreaterThanOrEqual(before + 5);
  expect(sockets.filter(({local}) => !LOOPBACK.test(local))).toEqual([]);
  expect(sockets.filter(({remote}) => !LOOPBACK.test(remote) && !/^\[?[0.]+\]?$/.test(remote))).toEqual([]);
  expect(connect).toHaveBeenCalled();
  // To listen on an IP address is a "lookup" that asks nobody.
  expect(lookup.mock.calls.filter(([host]) => net.isIP(host) === 0)).toEqual([]);
  for (const spy of [resolve, resolveTxt, send]) expect(spy).not.toHaveBeenCalled();
});

test('QUIC and WebRTC-direct, when asked for, listen on loopback only too', async () => {
  const send = vi.spyOn(dgram.Socket.prototype, 'send');
  const listen = {host: '127.0.0.1', quic: 0, webrtcDirect: 0};
  const server = await startNode({roles: ['bootstrap'], listen});
  const client = await startNode({roles: ['client'], listen});
  for (const address of server.getMultiaddrs()) await client.dial(address, {force: true});
  const peers = openSockets().filter(({remote}) => !LOOPBACK.test(remote) && !/^\[?[0.]+\]?$/.test(remote));
  expect(peers).toEqual([]);
  expect(server.services.sockets.addresses().every((address) => address.toString().startsWith('/ip4/127.0.0.1/'))).toBe(
    true,
  );
  // STUN would be sent from here, or by native code to an address that a peer named.
  expect(send).not.toHaveBeenCalled();
});
