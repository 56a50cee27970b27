import type {Socket} from 'node:dgram';
import {createSocket} from 'node:dgram';
import {once} from 'node:events';

import {bindingRequest, readBindingAnswer} from './binding-exchange.ts';
import type {BindingResult, ChangeRequest} from './binding-exchange.ts';
import type {Endpoint} from './endpoint.ts';
import {parseEndpoint} from './endpoint.ts';

/** RTO, Rc and Rm of RFC 8489 section 6.2.1: sent after 0, 0.5, 1.5, 3.5, 7.5, 15.5 and 31.5 s, given up after 39.5 s. */
const FIRST_WAIT_MS = 500;
const MAX_SENDS = 7;
const LAST_WAIT_FACTOR = 16;
export const PATIENCE_MS = 39_500;

export interface Answer {
  result: BindingResult;
  /** From the last sending to the answer. */
  rttMs: number;
}

export interface AskOptions {
  /** Whose answer counts. @default who was asked */
  from?: Endpoint;
  change?: ChangeRequest;
  /** Ends the wait: the answer is undefined then. */
  until: AbortSignal;
}

interface Waiting {
  to: Endpoint;
  from: Endpoint;
  settle: (result: BindingResult) => void;
  fail: (error: Error) => void;
}

/** A UDP socket that asks STUN servers where it is seen. Its requests may overlap. */
export class UdpClient {
  readonly local: Endpoint;
  readonly #socket: Socket;
  readonly #waiting = new Map<string, Waiting>();
  readonly #connected: boolean;
  /** Called with anything that is no awaited answer. */
  onOther: ((bytes: Uint8Array, from: Endpoint) => void) | undefined;

  private constructor(socket: Socket, local: Endpoint, connected: boolean) {
    this.#socket = socket;
    this.#connected = connected;
    this.local = local;
    socket.on('message', (bytes, {address, port}) => this.#receive(bytes, parseEndpoint(address, port)));
    socket.on('error', (error) => this.#waiting.forEach(({fail}) => fail(error)));
  }

  /**
   * Binds to the local address from which `to` is reached, on a free port. A connected one talks to `to` alone, and in
   * return hears of it when nobody listens there. Rejects with the system's error where there is no way (ENETUNREACH).
   */
  static async open(to: Endpoint, {connected = false} = {}): Promise<UdpClient> {
    const address = await localAddressFor(to);
    const socket = createSocket({type: to.family === 4 ? 'udp4' : 'udp6'});
    try {
      socket.bind({address, port: 0});
      await once(socket, 'listening');
      if (connected) {
        socket.connect(to.port, to.address);
        await once(socket, 'connect');
      }
    } catch (error) {
      socket.close();
      throw error;
    }
    const local = parseEndpoint(address, socket.address().port);
    if (local === undefined) throw new Error(`${address} is not an address`);
    return new UdpClient(socket, local, connected);
  }

  /**
   * Sends a Binding request, again and again as the RFC says; undefined when nothing comes back in time. Rejects when
   * the socket is connected and nobody listens.
   */
  async ask(to: Endpoint, {from = to, change, until}: AskOptions): Promise<Answer | undefined> {
    const {id, bytes} = bindingRequest(change);
    const answered = Promise.withResolvers<Answer | undefined>();
    let sentAt = 0;
    let timer: NodeJS.Timeout | undefined;
    const send = (count: number): void => {
      if (count === MAX_SENDS) return answered.resolve(undefined);
      sentAt = performance.now();
      this.send(bytes, to);
      const wait = FIRST_WAIT_MS * (count === MAX_SENDS - 1 ? LAST_WAIT_FACTOR : 2 ** count);
      timer = setTimeout(send, wait, count + 1);
    };
    const giveUp = (): void => answered.resolve(undefined);
    this.#waiting.set(id, {
      to,
      from,
      fail: answered.reject,
      settle: (result) => answered.resolve({result, rttMs: performance.now() - sentAt}),
    });
    until.addEventListener('abort', giveUp, {once: true});
    try {
      if (until.aborted) return undefined;
      send(0);
      return await answered.promise;
    } finally {
      clearTimeout(timer);
      until.removeEventListener('abort', giveUp);
      this.#waiting.delete(id);
    }
  }

  /** What can't be sent is as lost as what doesn't arrive. */
  send(bytes: Uint8Array, to: Endpoint): void {
    if (this.#connected) this.#socket.send(bytes, () => {});
    else this.#socket.send(bytes, to.port, to.address, () => {});
  }

  close(): void {
    this.#socket.close();
  }

  /**
   * An answer counts if its id is that of a request, which nobody off the path can guess, and its source is right.
   * To answer from elsewhere is refused from where it was asked.
   */
  #receive(bytes: Uint8Array, from: Endpoint | undefined): void {
    if (from === undefined) return;
    const answer = readBindingAnswer(bytes);
    const waiting = answer && this.#waiting.get(answer.id);
    if (answer !== undefined && waiting !== undefined) {
      const expected = answer.result.ok ? waiting.from : waiting.to;
      if (expected.key === from.key) waiting.settle(answer.result);
    } else {
      this.onOther?.(bytes, from);
    }
  }
}

/** The system says which of its addresses it would use when a socket is connected; nothing is sent. */
async function localAddressFor(to: Endpoint): Promise<string> {
  const probe = createSocket({type: to.family === 4 ? 'udp4' : 'udp6'});
  try {
    probe.connect(to.port, to.address);
    await once(probe, 'connect');
    return probe.address().address;
  } finally {
    probe.close();
  }
}
