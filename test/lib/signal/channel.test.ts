import {describe, expect, it} from 'vitest';

import type {SignalMessage} from '../../../src/lib/records/signal-message.ts';
import {joinByWebSocket} from '../../../src/lib/signal/client/websocket.ts';
import {
  CANDIDATE,
  collect,
  join,
  JOINS,
  metric,
  newKey,
  next,
  OFFER,
  peerOf,
  startServer,
  until,
} from './support/signal.ts';

describe.each(JOINS)('a channel over %s', (_name, by) => {
  it('carries offers, answers and candidates both ways, in order', async () => {
    const server = await startServer();
    const [a, b] = [await join(by, server), await join(joinByWebSocket, server)];
    const [toA, toB] = [collect(a, 'message'), collect(b, 'message')];
    const answer: SignalMessage = {type: 'answer', sdp: 'v=0\r\nübrigens 🎉', session: 's1'};
    await a.send(b.self, OFFER);
    await b.send(a.self, answer);
    const candidates = Array.from(
      {length: 50},
      (_, index): SignalMessage => ({...CANDIDATE, sdpMid: String(index)}) as SignalMessage,
    );
    await Promise.all(candidates.map((candidate) => a.send(b.self, candidate)));
    await Promise.all(candidates.map((candidate) => b.send(a.self, candidate)));
    await until(() => toA.length === 51 && toB.length === 51);
    expect(toB).toEqual([OFFER, ...candidates].map((message) => ({from: a.self, message})));
    expect(toA).toEqual([answer, ...candidates].map((message) => ({from: b.self, message})));
  });

  it('shows who is in the room, and how far', async () => {
    const server = await startServer();
    const a = await join(by, server);
    const arrival = next(a, 'presence');
    const b = await join(by, server);
    expect(await arrival).toEqual({peer: b.self, state: 'new', present: true});
    expect(b.peers()).toEqual([{peer: a.self, state: 'new'}]);
    const checking = next(b, 'presence', ({state}) => state === 'checking');
    a.report('checking');
    await checking;
    expect(b.peers()).toEqual([{peer: a.self, state: 'checking'}]);
    expect(await metric(server.metrics, 'quiver_signal_peers', {state: 'checking'})).toBe(1);
    const leaving = next(b, 'presence', ({present}) => !present);
    await a.close();
    await leaving;
    expect(b.peers()).toEqual([]);
    const c = await join(by, server, {room: 'other'});
    expect(c.peers()).toEqual([]);
  });

  it('is told the ICE servers, and joins without them when they do not come', async () => {
    const asked: string[] = [];
    const iceServers = (peer: string) => {
      asked.push(peer);
      return [{urls: ['turn:127.0.0.1:3478?transport=udp'], username: '1:x', credential: 'y'}];
    };
    const a = await join(by, await startServer({iceServers}));
    expect(a.iceServers()).toEqual([{urls: ['turn:127.0.0.1:3478?transport=udp'], username: '1:x', credential: 'y'}]);
    expect(asked).toEqual([a.self]);
    const server = await startServer({iceServers: () => Promise.reject(new Error('no TURN'))});
    expect((await join(by, server)).iceServers()).toEqual([]);
    expect(server.logged.join('')).toContain('no TURN');
  });

  it('hears when a message can not be passed on, and goes on', async () => {
    const server = await startServer();
    const [a, b] = [await join(by, server), await join(by, server)];
    const stranger = peerOf(await newKey());
    const problem = next(a, 'problem');
    await a.send(stranger, OFFER);
    expect(await problem).toMatchObject({to: stranger, error: {code: 'SIGNAL_NO_SUCH_PEER'}});
    const arrived = next(b, 'message');
    await a.send(b.self, OFFER);
    await arrived;
    await expect(a.send(b.self, {type: 'offer', sdp: 'x'})).rejects.toMatchObject({code: 'SIGNAL_INVALID'});
  });

  it('is refused where its peer may not come', async () => {
    const peerKey = await newKey();
    const server = await startServer({allowedPeers: [peerOf(peerKey)]});
    await join(by, server, {peerKey});
    await expect(join(by, server)).rejects.toMatchObject({code: 'SIGNAL_NOT_ALLOWED'});
    await expect(join(by, server, {peerKey, protocol: '/quiver/other/signal/1.0.0'})).rejects.toMatchObject({
      code: 'SIGNAL_TOKEN',
    });
  });

  it('ends when the same peer joins from elsewhere', async () => {
    const server = await startServer();
    const peerKey = await newKey();
    const first = await join(by, server, {peerKey});
    const closed = next(first, 'status', ({status}) => status === 'closed');
    const second = await join(by, server, {peerKey});
    expect(await closed).toMatchObject({error: {code: 'SIGNAL_REPLACED'}});
    await expect(first.send(second.self, OFFER)).rejects.toMatchObject({code: 'SIGNAL_REPLACED'});
    expect(server.service.exchange.hub.sessions.size).toBe(1);
  });

  it('comes back when the server was restarted, and waits with what it has to say', async () => {
    const first = await startServer();
    const port = Number(new URL(first.url).port);
    const [a, b] = [await join(by, first), await join(joinByWebSocket, first)];
    a.report('checking');
    const gone = [a, b].map((channel) => next(channel, 'status', ({status}) => status === 'reconnecting'));
    await first.service.stop();
    await Promise.all(gone);
    const arrived = next(b, 'message');
    const back = [a, b].map((channel) => next(channel, 'status', ({status}) => status === 'connected', 20_000));
    const seen = next(b, 'presence', ({state, present}) => present && state === 'checking', 20_000);
    await startServer({port});
    await Promise.all([...back, seen]);
    await a.send(b.self, OFFER);
    expect(await arrived).toEqual({from: a.self, message: OFFER});
  });

  it('goes to the next server when one drains, or can not be reached', async () => {
    const [one, two] = [await startServer(), await startServer()];
    const a = await join(by, [one, two]);
    const [b] = [await join(by, two)];
    const met = next(b, 'presence', ({peer, present}) => present && peer === a.self);
    await one.service.drain();
    await met;
    expect(one.service.info().status).toBe('draining');
    await expect(join(by, one, {joinDeadlineMs: 500})).rejects.toMatchObject({code: 'SIGNAL_DRAINING'});
    await one.service.stop();
    const c = await join(by, [one, two]);
    expect(c.peers()).toHaveLength(2);
  });

  it('leaves when its signal aborts, and is not opened by one that has', async () => {
    const server = await startServer();
    const controller = new AbortController();
    const a = await join(by, server, {signal: controller.signal});
    const closed = next(a, 'status', ({status}) => status === 'closed');
    controller.abort();
    await closed;
    await until(() => server.service.exchange.hub.roomCount === 0);
    await expect(join(by, server, {signal: controller.signal})).rejects.toMatchObject({code: 'SIGNAL_CLOSED'});
    await expect(a.send(a.self, OFFER)).rejects.toMatchObject({code: 'SIGNAL_CLOSED'});
  });

  it('gives up on a server that is not there, or is none', async () => {
    const server = await startServer();
    await server.service.stop();
    await expect(join(by, server, {joinDeadlineMs: 700})).rejects.toMatchObject({code: 'SIGNAL_UNREACHABLE'});
    for (const url of ['ftp://x', 'nonsense', 'https://user:secret@host']) {
      const opened = (async () => by({urls: [url], room: 'r', protocol: 'p', peerKey: await newKey()}))();
      await expect(opened).rejects.toMatchObject({code: 'SIGNAL_URL'});
      await expect(opened).rejects.not.toThrow(/secret/);
    }
  });
});

describe('a channel over WebSocket', () => {
  it('takes up its place when only the connection broke, without the room noticing', async () => {
    const server = await startServer();
    const [a, b] = [await join(joinByWebSocket, server), await join(joinByWebSocket, server)];
    const presence = collect(b, 'presence');
    const messages = collect(a, 'message');
    const {hub} = server.service.exchange;
    const session = [...hub.sessions].find(({peer}) => peer === a.self)!;
    session.link!.close('stopping');
    await until(() => session.link === undefined);
    await b.send(a.self, OFFER);
    await next(a, 'status', ({status}) => status === 'connected');
    await until(() => messages.length === 1);
    expect(messages).toEqual([{from: b.self, message: OFFER}]);
    expect(presence).toEqual([]);
    expect(hub.sessions.size).toBe(2);
  });
});
