import {once} from 'node:events';
import {connect} from 'node:net';
import type {Socket} from 'node:net';

import type {PrivateKey} from '@libp2p/interface';
import {onTestFinished} from 'vitest';
import {WebSocket} from 'ws';
import type {ClientOptions} from 'ws';

import {sealSignalToken} from '../../../../src/lib/records/signal-token.ts';
import {audienceOf} from '../../../../src/lib/signal/protocol.ts';
import {PROTOCOL} from './signal.ts';

/** A WebSocket that says what we like: what a page in a browser would do, and worse. */
export class RawClient {
  readonly got: Record<string, unknown>[] = [];
  readonly ws: WebSocket;
  readonly closed: Promise<number>;

  static async open(
    url: string,
    options: ClientOptions & {protocols?: string[]; path?: string} = {},
  ): Promise<RawClient> {
    const {protocols = ['quiver.signal.v1'], path = '/v1/signal', ...rest} = options;
    const client = new RawClient(new WebSocket(url.replace('http', 'ws') + path, protocols, rest));
    await once(client.ws, 'open');
    return client;
  }

  private constructor(ws: WebSocket) {
    this.ws = ws;
    ws.on('error', () => undefined);
    ws.on('message', (data: Buffer) => void this.got.push(JSON.parse(data.toString()) as Record<string, unknown>));
    this.closed = new Promise((resolve) => ws.once('close', resolve));
    onTestFinished(() => ws.terminate());
  }

  send(message: object | string): void {
    this.ws.send(typeof message === 'string' ? message : JSON.stringify(message));
  }

  /** The first message of a type, which may have come already. */
  async next(type: string): Promise<Record<string, unknown>> {
    for (;;) {
      const index = this.got.findIndex((message) => message['type'] === type);
      if (index !== -1) return this.got.splice(index, 1)[0]!;
      const [ended] = await Promise.race([once(this.ws, 'message').then(() => []), this.closed.then((code) => [code])]);
      if (ended !== undefined && !this.got.some((message) => message['type'] === type)) {
        throw new Error(`closed with ${ended} before ${type}`);
      }
    }
  }

  async join(url: string, key: PrivateKey, room = 'room'): Promise<Record<string, unknown>> {
    this.send({type: 'join', room, token: await tokenFor(url, key, room)});
    return this.next('joined');
  }
}

export function tokenFor(url: string, key: PrivateKey, room = 'room'): Promise<string> {
  return sealSignalToken({protocol: PROTOCOL, room, audience: audienceOf(new URL(url))}, key);
}

/** A TCP connection, and what came over it. */
export async function rawSocket(url: string): Promise<{socket: Socket; text: () => string; closed: Promise<unknown>}> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  let text = '';
  socket.on('data', (chunk) => (text += chunk.toString('latin1')));
  socket.on('error', () => undefined);
  const closed = new Promise((resolve) => socket.once('close', resolve));
  await once(socket, 'connect');
  return {socket, text: () => text, closed};
}
