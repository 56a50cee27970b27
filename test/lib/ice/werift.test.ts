import {once} from 'node:events';

import {generateKeyPair} from '@libp2p/crypto/keys';
import {expect, it} from 'vitest';
import {RTCPeerConnection, type RTCDataChannel} from 'werift';

import {IceClient} from '../../../src/lib/ice/client.ts';
import {openDescription, signDescription} from '../../../src/lib/ice/description-auth.ts';
import {Mux} from '../../../src/lib/ice/mux.ts';
import {peerFromKey} from '../../../src/lib/records/peer-key.ts';
import type {SignalMessage} from '../../../src/lib/records/signal-message.ts';
import {MemoryRoom} from './memory-channel.ts';

it('talks with another implementation of WebRTC', {timeout: 20_000}, async () => {
  const room = new MemoryRoom();
  const [key, otherKey] = await Promise.all([generateKeyPair('Ed25519'), generateKeyPair('Ed25519')]);
  const [self, other] = [key, otherKey].map(({publicKey}) => peerFromKey(publicKey.raw)) as [string, string];
  const channel = room.join(other);
  const theirs = new RTCPeerConnection({iceServers: []});
  const answering = answer(theirs, channel, {self: other, peer: self, key: otherKey});

  const client = new IceClient({channel: room.join(self), key, servers: async () => ({turn: []})});
  const connection = await client.connect(other, {signal: AbortSignal.timeout(15_000)});
  const mux = await answering;
  const stream = connection.openStream({kind: 'echo'});
  const payload = Buffer.alloc(300_000, 'quiver');
  const writing = stream.write(payload).then(() => stream.end());
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  await writing;
  expect(Buffer.concat(chunks).equals(payload)).toBe(true);
  await expect.poll(() => connection.stats()?.rttMs, {timeout: 3_000}).toBeGreaterThan(0);
  await client.close();
  mux.fail(new Error('over'));
  await theirs.close();
});

/** The other side in werift: our signed signalling, our framing, their ICE, DTLS and SCTP. Echoes what comes. */
async function answer(
  connection: RTCPeerConnection,
  channel: ReturnType<MemoryRoom['join']>,
  {self, peer, key}: {self: string; peer: string; key: Awaited<ReturnType<typeof generateKeyPair>>},
): Promise<Mux> {
  const mux = new Mux(self < peer, (stream) => {
    void (async () => {
      for await (const chunk of stream) await stream.write(chunk);
      stream.end();
    })();
  });
  let described = false;
  let done: Promise<void> = Promise.resolve();
  channel.on('message', ({message}) => {
    done = done.then(() => take(message));
  });
  const take = async (message: SignalMessage): Promise<void> => {
    const {session = ''} = message;
    if (message.type === 'ice-candidate' && message.candidate !== '') {
      await connection.addIceCandidate({candidate: message.candidate.replace('a=', ''), sdpMid: '0', sdpMLineIndex: 0});
    }
    if (message.type !== 'offer' || described) return;
    described = true;
    const context = {room: channel.room, session};
    const sdp = await openDescription(message.sdp, {...context, type: 'offer', from: peer, to: self});
    await connection.setRemoteDescription({type: 'offer', sdp});
    await connection.setLocalDescription(await connection.createAnswer());
    const {sdp: answered} = connection.localDescription!;
    const signed = {...context, type: 'answer' as const, from: self, to: peer, offer: message.sdp};
    await channel.send(peer, {type: 'answer', sdp: await signDescription(answered, signed, key), session});
  };
  const opened = once(joined(connection, mux), 'open');
  await opened;
  const timer = setInterval(() => mux.link.acknowledge(), 50);
  timer.unref();
  return mux;
}

function joined(connection: RTCPeerConnection, mux: Mux): EventTarget {
  const events = new EventTarget();
  connection.onDataChannel.subscribe((data: RTCDataChannel) => {
    data.onMessage.subscribe((bytes) => {
      const message = Buffer.from(bytes as Buffer);
      if (data.label === 'quiver-control') data.send(Buffer.concat([Buffer.of(1), message.subarray(1)]));
      else if (message[0] !== 3) mux.link.receive(message);
    });
    if (data.label !== 'quiver-data') return;
    const attach = (): void => {
      mux.link.attach({
        send: (bytes) => {
          data.send(Buffer.from(bytes));
          return true;
        },
        roomBytes: () => 1_000_000,
      });
      events.dispatchEvent(new Event('open'));
    };
    if (data.readyState === 'open') setImmediate(attach);
    else data.stateChanged.subscribe((state) => state === 'open' && attach());
  });
  return events;
}
