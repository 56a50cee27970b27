import type {Stream} from '@libp2p/interface';
import {multiaddr} from '@multiformats/multiaddr';
import {Registry} from 'prom-client';
import {describe, expect, it, onTestFinished} from 'vitest';

import {NodeService} from '../../../src/lib/p2p/node-service.ts';
import type {NodeRole} from '../../../src/lib/p2p/roles.ts';
import type {SignalChannel} from '../../../src/lib/records/signal-message.ts';
import {createHost} from '../../../src/lib/service/host.ts';
import {joinByNode} from '../../../src/lib/signal/client/libp2p.ts';
import type {NodeChannelOptions} from '../../../src/lib/signal/client/libp2p.ts';
import {joinByWebSocket} from '../../../src/lib/signal/client/websocket.ts';
import {SignalNodeService} from '../../../src/lib/signal/signal-node-service.ts';
import type {SignalNodeServiceOptions} from '../../../src/lib/signal/signal-node-service.ts';
import {SignalService} from '../../../src/lib/signal/signal-service.ts';
import {NETWORK, silent} from '../../support/nodes.ts';
import {
  CANDIDATE,
  collect,
  contextOf,
  join,
  metric,
  newKey,
  next,
  OFFER,
  peerOf,
  PREFIX,
  PROTOCOL,
  startServer,
  until,
} from './support/signal.ts';
import type {TestServer} from './support/signal.ts';

let nodes = 0;

async function startNode(
  roles: readonly NodeRole[],
  bootstrap: readonly string[] = [],
  relayed = false,
): Promise<NodeService> {
  nodes += 1;
  const node = new NodeService({
    name: `node-${nodes}`,
    roles,
    profile: {...NETWORK, relayNodes: relayed ? bootstrap : []},
    privateKey: await newKey(),
    listen: relayed ? {host: '127.0.0.1'} : {host: '127.0.0.1', tcp: 0},
    bootstrap,
    mdns: false,
  });
  await node.start(contextOf(new Registry(), []));
  onTestFinished(() => node.stop());
  return node;
}

/** A node that serves signalling, as every bootstrap does. */
async function serveOn(
  node: NodeService,
  {server, ...options}: Partial<SignalNodeServiceOptions> & {server?: TestServer} = {},
) {
  const service = new SignalNodeService({node, protocolPrefix: PREFIX, ...options});
  const [metrics, logged] = [new Registry(), [] as string[]];
  await service.start(contextOf(metrics, logged, server === undefined ? [] : [server.service]));
  onTestFinished(() => service.stop());
  const [address = ''] = node.node.getMultiaddrs().map(String);
  return {service, metrics, logged, address, node};
}

async function joinFrom(
  node: NodeService,
  servers: readonly string[],
  options: Partial<NodeChannelOptions> = {},
): Promise<SignalChannel> {
  const channel = await joinByNode({node: node.node, servers, room: 'room', protocol: PROTOCOL, ...options});
  onTestFinished(() => channel.close());
  return channel;
}

async function rawStream(
  node: NodeService,
  address: string,
): Promise<{stream: Stream; got: string[]; closed: Promise<void>}> {
  const stream = await node.node.dialProtocol(multiaddr(address), PROTOCOL);
  const got: string[] = [];
  stream.addEventListener('message', ({data}) => void got.push(Buffer.from(data.subarray()).toString()));
  const closed = new Promise<void>((resolve) => stream.addEventListener('close', () => resolve()));
  return {stream, got, closed};
}

const line = (message: object): Buffer => Buffer.from(`${JSON.stringify(message)}\n`);

describe('signalling on a node', () => {
  it('lets two nodes meet that know only a bootstrap, as who they are', async () => {
    const bootstrap = await serveOn(await startNode(['bootstrap']));
    const [one, two] = [await startNode(['client']), await startNode(['client'])];
    const [a, b] = [await joinFrom(one, [bootstrap.address]), await joinFrom(two, [bootstrap.address])];
    expect(a.self).toBe(one.node.peerId.toString());
    expect(b.peers()).toEqual([{peer: a.self, state: 'new'}]);
    const got = collect(b, 'message');
    await a.send(b.self, OFFER);
    for (let count = 0; count < 20; count += 1) await a.send(b.self, CANDIDATE);
    await until(() => got.length === 21);
    expect(got[0]).toEqual({from: a.self, message: OFFER});
    expect(await metric(bootstrap.metrics, 'quiver_signal_connections', {face: 'libp2p'})).toBe(2);
    const gone = next(a, 'presence', ({present}) => !present);
    await b.close();
    expect(await gone).toMatchObject({peer: b.self});
  });

  it('is well when two peers can meet in it', async () => {
    const {service, node} = await serveOn(await startNode(['bootstrap']));
    const health = await service.health(AbortSignal.timeout(5_000));
    expect(health).toMatchObject({ok: true, checks: [{name: 'protocol', detail: PROTOCOL}, {name: 'two peers meet'}]});
    expect(service.info()).toMatchObject({status: 'ready', protocol: PROTOCOL, peerId: node.node.peerId.toString()});
    expect(service.routes().map(({path}) => path)).toEqual(['/signal/rooms']);
    await until(() => service.exchange?.hub.sessions.size === 0);
  });

  it('shares the rooms of a signalling server in the same process', async () => {
    const server = await startServer();
    const bootstrap = await serveOn(await startNode(['bootstrap']), {server});
    const a = await joinFrom(await startNode(['client']), [bootstrap.address]);
    const b = await join(joinByWebSocket, server);
    const arrived = next(a, 'message');
    await b.send(a.self, OFFER);
    expect(await arrived).toEqual({from: b.self, message: OFFER});
    expect(bootstrap.service.routes()).toEqual([]);
    expect(await metric(server.metrics, 'quiver_signal_connections', {face: 'libp2p'})).toBe(1);
  });

  it('runs on a host beside a signalling server, and shares its rooms whichever starts first', async () => {
    const node = new NodeService({
      name: 'hosted',
      roles: ['bootstrap'],
      profile: NETWORK,
      privateKey: await newKey(),
      listen: {host: '127.0.0.1', tcp: 0},
      bootstrap: [],
      mdns: false,
    });
    const face = new SignalNodeService({node, protocolPrefix: PREFIX});
    const signal = new SignalService({protocolPrefix: PREFIX, host: '127.0.0.1', port: 0});
    const admin = {host: '127.0.0.1', port: 0};
    const host = createHost({services: [node, face, signal], log: silent, profile: 'test', version: '1', admin});
    onTestFinished(() => host.stop());
    const info = await host.start();
    expect(info.services.map(({status}) => status)).toEqual(['ready', 'ready', 'ready']);
    expect(face.exchange).toBe(signal.exchange);
    const reply = await fetch(`${info.admin}/signal/rooms`);
    expect(await reply.json()).toMatchObject({rooms: 0, shown: []});
    const metrics = await (await fetch(`${info.admin}/metrics`)).text();
    expect(metrics.match(/^quiver_signal_rooms\{/gm)).toHaveLength(1);
  });

  it('works through a relay', async () => {
    const relay = await startNode(['bootstrap', 'relay']);
    const [relayAddress = ''] = relay.node.getMultiaddrs().map(String);
    const hidden = await startNode(['provider'], [relayAddress], true);
    await serveOn(hidden);
    const through = `${relayAddress}/p2p-circuit/p2p/${hidden.node.peerId.toString()}`;
    const [one, two] = [await startNode(['client'], [relayAddress]), await startNode(['client'], [relayAddress])];
    await until(() => hidden.node.getMultiaddrs().length > 0);
    const [a, b] = [await joinFrom(one, [through]), await joinFrom(two, [through])];
    const arrived = next(b, 'message');
    await a.send(b.self, OFFER);
    expect(await arrived).toEqual({from: a.self, message: OFFER});
  });

  it('finds a peer by any server in common, and goes on when one of them is gone', async () => {
    const [x, y] = [await serveOn(await startNode(['bootstrap'])), await serveOn(await startNode(['bootstrap']))];
    const [one, two] = [await startNode(['client']), await startNode(['client'])];
    const dead = '/ip4/127.0.0.1/tcp/1/p2p/12D3KooWBP6ADVRXLXJo9z3PHM2dpvGkBDHL12c5RrVbfb9Xcrrr';
    const a = await joinFrom(one, [x.address, y.address], {joinDeadlineMs: 1_000});
    const b = await joinFrom(two, [dead, y.address], {joinDeadlineMs: 1_000});
    await until(() => a.peers().some(({peer}) => peer === b.self) && b.peers().length === 1);
    const arrived = next(b, 'message');
    await a.send(b.self, OFFER);
    await arrived;
    const statuses = collect(a, 'status');
    await x.service.stop();
    await x.node.stop();
    const answered = next(a, 'message');
    await b.send(a.self, CANDIDATE);
    await answered;
    expect(statuses).toEqual([]);
    await y.service.stop();
    await y.node.stop();
    await until(() => statuses.length === 1);
    expect(statuses).toEqual([{status: 'reconnecting'}]);
  });

  it('comes back when the server of its only stream was restarted', async () => {
    const node = await startNode(['bootstrap']);
    const first = await serveOn(node);
    const a = await joinFrom(await startNode(['client']), [first.address]);
    const away = next(a, 'status', ({status}) => status === 'reconnecting');
    await first.service.stop();
    await away;
    const back = next(a, 'status', ({status}) => status === 'connected');
    const second = await serveOn(node);
    await back;
    expect(second.service.exchange?.hub.roomCount).toBe(1);
  });

  it('refuses who is not on its list, garbage, lines without an end and floods', async () => {
    const friend = await startNode(['client']);
    const bootstrap = await serveOn(await startNode(['bootstrap']), {
      allowedPeers: [friend.node.peerId.toString(), peerOf(await newKey())],
    });
    const {address, metrics} = bootstrap;
    const stranger = await startNode(['client']);
    await expect(joinFrom(stranger, [address])).rejects.toMatchObject({code: 'SIGNAL_NOT_ALLOWED'});
    const endless = await rawStream(stranger, address);
    endless.stream.send(Buffer.alloc(100 * 1024, 65));
    await endless.closed;
    const garbage = await rawStream(stranger, address);
    garbage.stream.send(Buffer.from('\n'.repeat(100)));
    await garbage.closed;
    const binary = await rawStream(stranger, address);
    binary.stream.send(Buffer.of(0xff, 0xfe, 0x0a));
    await binary.closed;
    const forger = await rawStream(stranger, address);
    forger.stream.send(line({type: 'join', room: 'room', token: 'x', self: friend.node.peerId.toString()}));
    await until(() => forger.got.join('').includes('SIGNAL_NOT_ALLOWED'));
    expect(await metric(metrics, 'quiver_signal_refused_total', {reason: 'SIGNAL_INVALID'})).toBe(100);
    await joinFrom(friend, [address]);
    const {hub} = bootstrap.service.exchange!;
    await until(() => [...hub.sessions].length === 2);
    expect(bootstrap.logged.filter((entry) => entry.includes('"level":50'))).toEqual([]);
  });

  it('waits with what a server does not read, and loses none of it', async () => {
    const rates = {perSecond: 1e9, burst: 1e9};
    const limits = {messagesPerPeer: rates, messagesPerSource: rates, bytesPerSource: rates, waitingBytes: 1e9};
    const {address} = await serveOn(await startNode(['bootstrap']), {limits});
    const [one, two] = [await startNode(['client']), await startNode(['client'])];
    const [a, b] = [await joinFrom(one, [address]), await joinFrom(two, [address])];
    const [got, statuses] = [collect(b, 'message'), collect(a, 'status')];
    const sdp = `v=0\r\n${'x'.repeat(60_000)}`;
    const sending = Array.from({length: 200}, (_, index) =>
      a.send(b.self, {type: 'offer', sdp, session: String(index)}),
    );
    await Promise.all(sending);
    await until(() => got.length === 200);
    expect(got.map(({message}) => message.session)).toEqual(sending.map((_, index) => String(index)));
    expect(statuses).toEqual([]);
  });

  it('resets a stream whose peer does not read', async () => {
    const rates = {perSecond: 1e9, burst: 1e9};
    const limits = {messagesPerPeer: rates, messagesPerSource: rates, bytesPerSource: rates, resumeMs: 200};
    const {address, service, metrics} = await serveOn(await startNode(['bootstrap']), {limits});
    const [one, two] = [await startNode(['client']), await startNode(['client'])];
    const slow = await rawStream(one, address);
    slow.stream.send(line({type: 'join', room: 'room'}));
    await until(() => slow.got.length > 0);
    slow.stream.pause();
    const b = await joinFrom(two, [address]);
    const gone = next(b, 'presence', ({present}) => !present, 20_000);
    const large = {type: 'offer', sdp: `v=0\r\n${'x'.repeat(60_000)}`} as const;
    const {backlog, hub} = service.exchange!;
    let most = 0;
    while ((await metric(metrics, 'quiver_signal_refused_total', {reason: 'SIGNAL_SLOW'})) === 0) {
      await b.send(one.node.peerId.toString(), large);
      most = Math.max(most, backlog.bytes);
    }
    await gone;
    expect(most).toBeLessThan(512 * 1024);
    await until(() => backlog.bytes + hub.sessions.waitingBytes === 0);
  });
});
