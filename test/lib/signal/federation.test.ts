// How two stations find each other, wherever they stand: real WebRTC connections over each way of signalling.
import type {DataChannel, DescriptionType} from 'node-datachannel';
import {PeerConnection} from 'node-datachannel';
import {Registry} from 'prom-client';
import {describe, expect, it, onTestFinished} from 'vitest';

import {NodeService} from '../../../src/lib/p2p/node-service.ts';
import type {NodeRole} from '../../../src/lib/p2p/roles.ts';
import type {SignalChannel} from '../../../src/lib/records/signal-message.ts';
import {joinByHttp} from '../../../src/lib/signal/client/http.ts';
import {joinByNode} from '../../../src/lib/signal/client/libp2p.ts';
import {joinLocally} from '../../../src/lib/signal/client/local.ts';
import {joinByWebSocket} from '../../../src/lib/signal/client/websocket.ts';
import {SignalNodeService} from '../../../src/lib/signal/signal-node-service.ts';
import {NETWORK} from '../../support/nodes.ts';
import {writeCertificate} from '../../support/lab/certificate.ts';
import {temporaryFolder} from '../../support/temporary-folder.ts';
import {trust} from '../../support/trust.ts';
import {contextOf, join, newKey, peerOf, PREFIX, PROTOCOL, startServer} from './support/signal.ts';
import type {TestServer} from './support/signal.ts';

/** A peer connection that says and hears everything over a channel, as a page in a browser would. */
function connection(channel: SignalChannel, peer: string): PeerConnection {
  const pc = new PeerConnection(channel.self, {iceServers: []});
  onTestFinished(() => pc.close());
  const isOffer = (type: DescriptionType): type is 'offer' | 'answer' => type === 'offer' || type === 'answer';
  pc.onLocalDescription((sdp, type) => {
    if (isOffer(type)) void channel.send(peer, {type, sdp});
  });
  // Held until the other side's description is here: libdatachannel fails when it is reached before. It may also tell
  // of a candidate before the description that it belongs to.
  let waiting: (() => void)[] | undefined = [];
  const whenDescribed = (act: () => void): void => (waiting === undefined ? act() : void waiting.push(act));
  pc.onLocalCandidate((candidate, sdpMid) =>
    whenDescribed(() => void channel.send(peer, {type: 'ice-candidate', candidate, sdpMid})),
  );
  pc.onStateChange((state) => {
    if (state === 'connected' || state === 'failed') channel.report(state);
  });
  const deaf = channel.on('message', ({from, message}) => {
    if (from !== peer) return;
    if (message.type === 'ice-candidate') {
      whenDescribed(() => pc.addRemoteCandidate(message.candidate, message.sdpMid ?? '0'));
      return;
    }
    pc.setRemoteDescription(message.sdp, message.type);
    for (const act of waiting ?? []) act();
    waiting = undefined;
  });
  // Before the connection is closed: a late candidate would be given to one that is gone.
  onTestFinished(deaf);
  return pc;
}

/** Connects two by what their channels carry; resolves with what one says over the connection itself. */
async function talk(a: SignalChannel, b: SignalChannel): Promise<string> {
  const [one, two] = [connection(a, b.self), connection(b, a.self)];
  const heard = Promise.withResolvers<string>();
  const data = one.createDataChannel('test');
  data.onMessage((text) => heard.resolve(String(text)));
  const taken: DataChannel[] = [data];
  two.onDataChannel((channel) => void taken.push(channel));
  // Again and again, and holding on to both: node-datachannel loses what comes before anybody listens, and channels
  // that are collected as garbage.
  const speaking = setInterval(() => {
    const channel = taken.at(1);
    if (channel?.isOpen() === true && data.isOpen()) channel.sendMessage('we met');
  }, 20);
  onTestFinished(() => clearInterval(speaking));
  return heard.promise;
}

async function startPublicStation(): Promise<TestServer> {
  const tls = writeCertificate(temporaryFolder());
  trust(tls);
  return startServer({tls});
}

/** As behind NAT: without a socket that anybody could dial. */
async function startNode(roles: readonly NodeRole[], bootstrap: readonly string[]): Promise<NodeService> {
  const listen = roles.includes('bootstrap') ? {host: '127.0.0.1', tcp: 0} : {host: '127.0.0.1'};
  const privateKey = await newKey();
  const node = new NodeService({
    name: roles.join(),
    roles,
    profile: NETWORK,
    privateKey,
    listen,
    bootstrap,
    mdns: false,
  });
  await node.start(contextOf(new Registry(), []));
  onTestFinished(() => node.stop());
  return node;
}

describe('two stations', () => {
  it('that are both public meet over plain HTTPS', async () => {
    const station = await startPublicStation();
    expect(station.url).toMatch(/^https:/);
    const own = await joinLocally(station.service.exchange, {room: 'room', self: peerOf(await newKey())});
    onTestFinished(() => own.close());
    const other = await join(joinByHttp, station);
    expect(await talk(other, own)).toBe('we met');
    expect(station.service.exchange.hub.view(1)[0]?.peers.map(({face}) => face)).toEqual(['local', 'http']);
  });

  it('that are both behind NAT meet through a bootstrap that they have in common', async () => {
    const bootstrap = await startNode(['bootstrap'], []);
    const service = new SignalNodeService({node: bootstrap, protocolPrefix: PREFIX});
    await service.start(contextOf(new Registry(), []));
    onTestFinished(() => service.stop());
    const servers = bootstrap.node.getMultiaddrs().map(String);
    const stations = [await startNode(['provider'], servers), await startNode(['provider'], servers)];
    expect(stations.flatMap(({node}) => node.getMultiaddrs())).toEqual([]);
    const [a, b] = await Promise.all(
      stations.map(({node}) => joinByNode({node, servers, room: 'room', protocol: PROTOCOL})),
    );
    expect(await talk(a!, b!)).toBe('we met');
    await Promise.all([a!.close(), b!.close()]);
    expect(stations.map(({node}) => node.getPeers())).toEqual([[bootstrap.node.peerId], [bootstrap.node.peerId]]);
  });

  it('of which one is public meet over a WebSocket that the other holds', async () => {
    const station = await startPublicStation();
    const own = await joinLocally(station.service.exchange, {room: 'room', self: peerOf(await newKey())});
    onTestFinished(() => own.close());
    const hidden = await join(joinByWebSocket, station);
    expect(await talk(own, hidden)).toBe('we met');
    expect(station.service.exchange.hub.view(1)[0]?.peers.map(({face}) => face)).toEqual(['local', 'websocket']);
  });
});
