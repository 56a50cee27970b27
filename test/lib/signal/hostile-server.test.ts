// What a channel does with a server that is broken, or wants to break it.
import {once} from 'node:events';
import {createServer} from 'node:http';
import type {IncomingMessage, ServerResponse} from 'node:http';
import type {AddressInfo} from 'node:net';

import {describe, expect, it, onTestFinished} from 'vitest';
import {WebSocketServer} from 'ws';
import type {WebSocket} from 'ws';

import {QuiverError} from '../../../src/lib/core/errors.ts';
import {peerFromKey} from '../../../src/lib/records/peer-key.ts';
import {joinByHttp} from '../../../src/lib/signal/client/http.ts';
import {joinByWebSocket} from '../../../src/lib/signal/client/websocket.ts';
import {collect, newKey, next, OFFER, peerOf, PROTOCOL, until} from './support/signal.ts';

const key = await newKey();
const self = peerOf(key);
const session = 's'.repeat(32);
const joined = {type: 'joined', room: 'room', self, session, peers: [], iceServers: []};

const options = (url: string, joinDeadlineMs: number) => ({
  urls: [url],
  room: 'room',
  protocol: PROTOCOL,
  peerKey: key,
  joinDeadlineMs,
});

async function webSockets(
  onJoin: (ws: WebSocket, text: string) => void,
): Promise<{url: string; dialled: () => number}> {
  const server = new WebSocketServer({port: 0, host: '127.0.0.1'});
  let dialled = 0;
  server.on('connection', (ws) => {
    dialled += 1;
    ws.on('error', () => undefined);
    ws.on('message', (data: Buffer) => onJoin(ws, data.toString()));
  });
  await once(server, 'listening');
  onTestFinished(() => {
    for (const ws of server.clients) ws.terminate();
    server.close();
  });
  return {url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`, dialled: () => dialled};
}

async function http(
  handle: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<{url: string; asked: () => number}> {
  let asked = 0;
  const server = createServer((request, response) => {
    asked += 1;
    request.resume();
    handle(request, response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return {url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked: () => asked};
}

describe('a channel over WebSocket leaves a server that', () => {
  it.each<[string, (ws: WebSocket) => void]>([
    ['says nothing', () => undefined],
    ['hangs up', (ws) => ws.close()],
    ['sends garbage', (ws) => ws.send('}{')],
    ['sends bytes', (ws) => ws.send(Buffer.alloc(10))],
    ['sends without end', (ws) => ws.send('x'.repeat(1_000_000))],
    ['names somebody else', (ws) => ws.send(JSON.stringify({...joined, self: peerFromKey(new Uint8Array(32))}))],
    ['names another room', (ws) => ws.send(JSON.stringify({...joined, room: 'other'}))],
    [
      'names ICE servers that are none',
      (ws) => ws.send(JSON.stringify({...joined, iceServers: [{urls: ['http://x']}]})),
    ],
    [
      'names too many peers',
      (ws) =>
        ws.send(JSON.stringify({...joined, peers: Array.from({length: 1_025}, () => ({peer: self, state: 'new'}))})),
    ],
  ])('%s', async (_what, act) => {
    const {url, dialled} = await webSockets(act);
    const startedAtMs = performance.now();
    await expect(joinByWebSocket(options(url, 150))).rejects.toBeInstanceOf(QuiverError);
    expect(performance.now() - startedAtMs).toBeLessThan(2_000);
    expect(dialled()).toBeLessThan(6);
  });

  it('turns bad later, and takes no more from it than it needs', async () => {
    const sockets: WebSocket[] = [];
    const {url, dialled} = await webSockets((ws, text) => {
      sockets.push(ws);
      if (text.includes('"resume"'))
        ws.send(JSON.stringify({type: 'error', of: 'resume', code: 'SIGNAL_NO_SESSION', message: '', fix: ''}));
      else if (text.includes('"join"')) ws.send(JSON.stringify(joined));
    });
    const channel = await joinByWebSocket(options(url, 2_000));
    onTestFinished(() => channel.close());
    const messages = collect(channel, 'message');
    for (let number = 0; number < 3_000; number += 1) {
      const peer = peerFromKey(Buffer.from(number.toString().padStart(32, '0')));
      sockets[0]!.send(JSON.stringify({type: 'presence', room: 'room', peer, state: 'new', present: true}));
    }
    sockets[0]!.send(JSON.stringify({...OFFER, room: 'elsewhere', from: self}));
    sockets[0]!.send(JSON.stringify({...OFFER, room: 'room', from: self}));
    await until(() => messages.length === 1);
    expect(channel.peers().length).toBe(1_024);
    const away = next(channel, 'status', ({status}) => status === 'reconnecting');
    const back = next(channel, 'status', ({status}) => status === 'connected');
    sockets[0]!.send('nonsense');
    await away;
    await back;
    expect(channel.peers()).toEqual([]);
    expect(dialled()).toBe(2);
  });
});

describe('a channel over HTTP leaves a server that', () => {
  it.each<[string, (response: ServerResponse) => void]>([
    ['hangs up', (response) => response.destroy()],
    ['answers with a page', (response) => response.writeHead(200, {'content-type': 'text/html'}).end('<html>')],
    ['answers with null', (response) => response.end('null')],
    ['sends it elsewhere', (response) => response.writeHead(307, {location: 'http://127.0.0.1:1/'}).end()],
    ['is out of order', (response) => response.writeHead(502).end('Bad gateway')],
    ['sends without end', (response) => response.end(`{"x":"${'x'.repeat(3_000_000)}"}`)],
    ['says nothing', () => undefined],
  ])('%s', async (_what, answer) => {
    const {url, asked} = await http((_request, response) => answer(response));
    await expect(joinByHttp(options(url, 150))).rejects.toBeInstanceOf(QuiverError);
    expect(asked()).toBeLessThan(8);
  });

  it('does not wait when it is polled, without asking it all the time', async () => {
    const {url, asked} = await http(({method}, response) => {
      if (method === 'POST') response.end(JSON.stringify({session, errors: []}));
      else response.end(JSON.stringify(asked() < 4 ? {messages: [joined], next: 1} : {messages: [], next: 1}));
    });
    const channel = await joinByHttp(options(url, 2_000));
    onTestFinished(() => channel.close());
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(asked()).toBeLessThan(7);
  });
});
