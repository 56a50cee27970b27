import {createSocket} from 'node:dgram';
import type {Socket as UdpSocket} from 'node:dgram';
import {once} from 'node:events';
import {connect} from 'node:net';
import type {Socket} from 'node:net';
import {connect as connectTls} from 'node:tls';

import {FrameReader} from '../../../../src/lib/stun/frame-reader.ts';
import {decodeMessage} from '../../../../src/lib/stun/message.ts';
import type {StunMessage} from '../../../../src/lib/stun/message.ts';
import {CLASS} from '../../../../src/lib/stun/types.ts';
import type {ClientTransport} from '../../../../src/lib/turn/core/io.ts';

/** The server is this machine or near: RFC 8489's 500 ms are for the internet. */
const RETRANSMIT_MS = 200;
const ALPN_PROTOCOL = 'stun.turn';

export interface ConnectionOptions {
  transport: ClientTransport;
  host: string;
  port: number;
  signal: AbortSignal;
}

/** One client connection, or UDP socket, to a STUN or TURN server: requests with answers, and whatever else comes. */
export class ClientConnection {
  /** Every message that answers no request, and ChannelData; the bytes are the receiver's to keep. */
  onOther: (bytes: Buffer) => void = () => undefined;
  readonly #waiting = new Map<string, (answer: StunMessage) => void>();
  readonly #socket: UdpSocket | Socket;
  readonly #signal: AbortSignal;

  private constructor(socket: UdpSocket | Socket, signal: AbortSignal) {
    this.#socket = socket;
    this.#signal = signal;
    socket.on('error', () => undefined);
    const frames = new FrameReader();
    if ('bind' in socket) socket.on('message', (bytes) => this.#take(bytes));
    else socket.on('data', (chunk: Buffer) => void frames.push(chunk, (frame) => this.#take(frame)));
  }

  /** Rejects when there is no connection, or the signal aborts. A certificate isn't checked: the caller knows whom it asks. */
  static async open(options: ConnectionOptions): Promise<ClientConnection> {
    const {transport, host, port, signal} = options;
    if (transport === 'udp') {
      const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
      socket.connect(port, host);
      await once(socket, 'connect', {signal}).catch((error: unknown) => {
        socket.close();
        throw error;
      });
      return new ClientConnection(socket, signal);
    }
    const socket =
      transport === 'tcp'
        ? connect({host, port})
        : connectTls({host, port, ALPNProtocols: [ALPN_PROTOCOL], rejectUnauthorized: false});
    socket.setNoDelay(true);
    try {
      await once(socket, transport === 'tcp' ? 'connect' : 'secureConnect', {signal});
    } catch (error) {
      socket.destroy();
      throw error;
    }
    return new ClientConnection(socket, signal);
  }

  get socket(): UdpSocket | Socket {
    return this.#socket;
  }

  send(bytes: Uint8Array): void {
    if ('bind' in this.#socket) this.#socket.send(bytes);
    else this.#socket.write(bytes);
  }

  /** The answer to a request, sent again over UDP until it comes; rejects when the signal aborts or the stream ends. */
  async request(request: Uint8Array): Promise<StunMessage> {
    this.#signal.throwIfAborted();
    const id = Buffer.from(request.subarray(8, 20)).toString('hex');
    const {promise, resolve, reject} = Promise.withResolvers<StunMessage>();
    const giveUp = (): void => reject(this.#signal.reason as Error);
    const closed = (): void => reject(new Error('the connection was closed'));
    this.#waiting.set(id, resolve);
    this.#signal.addEventListener('abort', giveUp);
    this.#socket.once('close', closed);
    this.send(request);
    const again = 'bind' in this.#socket ? setInterval(() => this.send(request), RETRANSMIT_MS) : undefined;
    try {
      return await promise;
    } finally {
      clearInterval(again);
      this.#waiting.delete(id);
      this.#signal.removeEventListener('abort', giveUp);
      this.#socket.off('close', closed);
    }
  }

  close(): void {
    if ('bind' in this.#socket) this.#socket.close();
    else this.#socket.destroy();
  }

  #take(bytes: Uint8Array): void {
    const own = Buffer.from(bytes);
    const message = decodeMessage(own);
    const answers = message !== undefined && (message.class === CLASS.success || message.class === CLASS.error);
    const waiting = answers ? this.#waiting.get(Buffer.from(message.transactionId).toString('hex')) : undefined;
    if (message === undefined || waiting === undefined) this.onOther(own);
    else waiting(message);
  }
}
