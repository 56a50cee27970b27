import {join} from 'node:path';

import {generateKeyPair} from '@libp2p/crypto/keys';
import {expect, onTestFinished, test} from 'vitest';

import {NodeService, type NodeServiceOptions} from '../../../src/lib/p2p/node-service.ts';
import {createNodeServices} from '../../../src/lib/p2p/role-services.ts';
import {controlClient} from '../../../src/lib/service/control-client.ts';
import {createHost} from '../../../src/lib/service/host.ts';
import type {Service} from '../../../src/lib/service/service.ts';
import {NETWORK, silent} from '../../support/nodes.ts';
import {temporaryFolder} from '../../support/temporary-folder.ts';

async function options(more: Partial<NodeServiceOptions> & Pick<NodeServiceOptions, 'roles'>) {
  return {
    name: 'node',
    profile: NETWORK,
    privateKey: await generateKeyPair('Ed25519'),
    listen: {host: '127.0.0.1', tcp: 0},
    bootstrap: [],
    mdns: false,
    ...more,
  };
}

async function startHost(services: readonly Service[]) {
  const socketPath = join(temporaryFolder(), 'q.sock');
  const host = createHost({
    services,
    log: silent,
    profile: 'test',
    version: '0',
    admin: {host: '127.0.0.1', port: 0},
    socketPath,
  });
  onTestFinished(async () => host.stop());
  return {host, info: await host.start(), control: controlClient(socketPath)};
}

test('a relay and bootstrap in one process: ready, described, measured, drained', async () => {
  const services = createNodeServices({...(await options({roles: ['relay', 'bootstrap']})), region: 'eu-west'});
  const {info, control} = await startHost(services);
  const [address] = info.services[0]!.addresses;
  expect(info.services).toMatchObject([
    {kind: 'network.node', status: 'ready', protocol: '/quiver/test', addresses: [address], publicAddresses: [address]},
    {kind: 'network.bootstrap', status: 'ready', publicAddresses: [address]},
    {kind: 'network.relay', status: 'ready', metadata: {region: 'eu-west', reservations: 0}},
  ]);
  expect(await (await fetch(`${info.admin}/dht/stats`)).json()).toMatchObject({mode: 'server', peers: 0});
  expect(await control.get('/network/peers')).toEqual({self: info.services[0]!.peerId, peers: []});
  const metrics = await (await fetch(`${info.admin}/metrics`)).text();
  expect(metrics).toContain('quiver_relay_reservations{service="relay"} 0');
  expect(metrics).toContain('quiver_dht_routing_table_peers{service="node"} 0');
});

test('a node that waits for another service joins through it', async () => {
  const [hub, face] = createNodeServices(await options({roles: ['bootstrap'], name: 'hub'}));
  const client = new NodeService({
    ...(await options({roles: ['client'], name: 'client'})),
    after: ['bootstrap'],
    bootstrap: ({find}) => find('network.bootstrap')!.info().publicAddresses,
  });
  const {control} = await startHost([client, face!, hub]);
  expect(await client.node.services.rejoin.firstContact).toBe(true);
  const peer = hub.node.peerId.toString();
  expect(await control.get('/services/client/network/peers')).toMatchObject({
    peers: [{peerId: peer, direction: 'outbound', transport: 'tcp', limited: false}],
  });
  const ping = {peer, count: 3};
  const reply = (await control.post('/services/client/network/ping', ping)) as {roundTripsMs: number[]};
  expect(reply).toMatchObject({peerId: peer});
  expect(reply.roundTripsMs).toHaveLength(3);
  expect(reply.roundTripsMs.every((ms) => ms > 0 && ms < 1_000)).toBe(true);
});

test('what a peer says of itself is shown, roles too', async () => {
  const [hub] = createNodeServices(await options({roles: ['bootstrap'], name: 'hub'}));
  const guest = new NodeService({
    ...(await options({roles: ['provider', 'gateway'], name: 'guest'})),
    after: ['hub'],
    bootstrap: () => hub.info().publicAddresses,
  });
  const {control} = await startHost([hub, guest]);
  await expect
    .poll(() => control.get('/services/hub/network/peers'), {timeout: 5_000})
    .toMatchObject({peers: [{roles: ['provider', 'gateway'], agent: 'quiver/1 (provider, gateway)'}]});
});

test.each([
  [{}, 'BAD_PING'],
  [{peer: 'x', count: 0}, 'BAD_PING'],
  [{peer: 'nonsense'}, 'BAD_PEER_ADDRESS'],
  [{peer: '/ip4/127.0.0.1/tcp/1'}, 'PEER_UNREACHABLE'],
])('ping %j is refused', async (body, code) => {
  const {control} = await startHost([new NodeService(await options({roles: ['client'], listen: {host: '127.0.0.1'}}))]);
  await expect(control.post('/network/ping', body)).rejects.toMatchObject({code});
});

test('health: the node dials its own socket, and notices when nobody answers there', async () => {
  const service = new NodeService(await options({roles: ['bootstrap']}));
  await startHost([service]);
  expect(await service.health(AbortSignal.timeout(5_000))).toMatchObject({ok: true, checks: [{name: 'listening'}, {}]});
  const transports = (service.node as any).components.transportManager;
  const [listener] = transports.getListeners();
  const addresses = listener.getAddrs();
  await listener.close();
  service.node.services.sockets.addresses = () => addresses;
  const health = await service.health(AbortSignal.timeout(5_000));
  expect(health.ok).toBe(false);
  expect(health.checks[0]).toMatchObject({ok: false, detail: expect.stringContaining('does not answer')});
});
