import {PeerConnection} from 'node-datachannel';
import {setTimeout as sleep} from 'node:timers/promises';
import {RTCPeerConnection} from 'werift';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';

import {freePorts} from '../support/lab/free-ports.ts';
import {TurnServer, UNLIMITED} from '../support/lab/turn-server.ts';

const MESSAGES = 200;
const CONNECT_DEADLINE_MS = 20_000;

let server: TurnServer;

beforeAll(async () => {
  const [port = 0] = await freePorts(1);
  server = await TurnServer.start({addresses: ['127.0.0.1'], port, secret: 'a secret of the lab', limits: UNLIMITED});
});
afterAll(async () => server.kill());

describe('WebRTC stacks beside Chromium, with nothing but relays', () => {
  it(`node-datachannel (libdatachannel): ${MESSAGES} messages there and back`, async () => {
    const peers = ['caller', 'callee'].map((name) => {
      const {username, password} = server.credential(`did:peers:${name}`);
      const turn = {
        hostname: '127.0.0.1',
        port: server.options.port,
        username,
        password,
        relayType: 'TurnUdp' as const,
      };
      // Not the relays' address: a permission is for an address, so that the sockets of both would be let in beside the
      // relays, hear of each other and go on without.
      return new PeerConnection(name, {iceServers: [turn], iceTransportPolicy: 'relay', bindAddress: '127.0.0.2'});
    });
    const [caller, callee] = peers as [PeerConnection, PeerConnection];
    for (const [from, to] of [
      [caller, callee],
      [callee, caller],
    ] as const) {
      from.onLocalDescription((sdp, type) => to.setRemoteDescription(sdp, type));
      from.onLocalCandidate((candidate, mid) => to.addRemoteCandidate(candidate, mid));
    }
    callee.onDataChannel((channel) => channel.onMessage((data) => channel.sendMessage(String(data))));
    const echoes: string[] = [];
    const channel = caller.createDataChannel('echo');
    channel.onMessage((data) => echoes.push(String(data)));
    await within(new Promise<void>((resolve) => channel.onOpen(resolve)));
    const messages = Array.from({length: MESSAGES}, (_one, i) => `message ${i}`);
    for (const message of messages) channel.sendMessage(message);
    await expect.poll(() => echoes.length, {timeout: 10_000}).toBe(MESSAGES);
    expect(echoes).toEqual(messages);
    const pair = caller.getSelectedCandidatePair();
    expect([pair?.local.type, pair?.remote.type]).toEqual(['relay', 'relay']);
    for (const peer of peers) peer.close();
  });

  it.each(['udp', 'tcp'])(`werift over %s: ${MESSAGES} messages there and back`, async (transport) => {
    const peers = ['caller', 'callee'].map((name) => {
      const urls = `turn:127.0.0.1:${server.options.port}?transport=${transport}`;
      const {username, password: credential} = server.credential(`did:peers:${name}-${transport}`);
      return new RTCPeerConnection({iceServers: [{urls, username, credential}], iceTransportPolicy: 'relay'});
    });
    const [caller, callee] = peers as [RTCPeerConnection, RTCPeerConnection];
    callee.onDataChannel.subscribe((channel) => channel.onMessage.subscribe((data) => channel.send(data)));
    const channel = caller.createDataChannel('echo');
    const echoes: string[] = [];
    channel.onMessage.subscribe((data) => echoes.push(String(data)));
    const opened = new Promise<void>((resolve) => {
      channel.stateChanged.subscribe((state) => state === 'open' && resolve());
    });
    await caller.setLocalDescription(await caller.createOffer());
    await callee.setRemoteDescription(caller.localDescription!);
    await callee.setLocalDescription(await callee.createAnswer());
    await caller.setRemoteDescription(callee.localDescription!);
    await within(opened);
    const messages = Array.from({length: MESSAGES}, (_one, i) => `message ${i}`);
    for (const message of messages) channel.send(message);
    await expect.poll(() => echoes.length, {timeout: 10_000}).toBe(MESSAGES);
    expect(echoes).toEqual(messages);
    await Promise.all(peers.map(async (peer) => peer.close()));
  });
});

async function within<T>(work: Promise<T>): Promise<T> {
  const late = sleep(CONNECT_DEADLINE_MS, undefined, {ref: false}).then(() => {
    throw new Error(`not connected after ${CONNECT_DEADLINE_MS} ms`);
  });
  return Promise.race([work, late]);
}
