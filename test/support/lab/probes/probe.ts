import {createSocket, type Socket} from 'node:dgram';
import {once} from 'node:events';
import {isIPv6} from 'node:net';
import {setTimeout as sleep} from 'node:timers/promises';

import {type Credential, type RawClient, type Server, silence} from '../raw-client.ts';

/** A server to be looked at from outside. */
export interface Target {
  address: string;
  /** Where the server has one. */
  address6?: string | undefined;
  port: number;
  tlsPort?: number | undefined;
  tcp: boolean;
  /** For time-limited credentials; else static users `probe-0`, `probe-1`, … with passwords `secret-0`, … */
  secret?: string | undefined;
  /** Three of the prober's own addresses that the server may take for public ones: client, peer, another peer. */
  own: readonly [string, string, string];
  own6?: readonly [string, string, string] | undefined;
}

export interface ProbeLab {
  target: Target;
  /** A client over UDP with a user of its own, from the prober's first address. */
  client(server?: Partial<Server>): Promise<RawClient>;
  credential(user?: string, expires?: number): Credential;
  /** A UDP socket on one of the prober's other addresses. */
  peer(which?: 1 | 2, family?: 4 | 6): Promise<Peer>;
}

export interface Probe {
  name: string;
  /** RFC and section, or where it once went wrong. */
  source: string;
  /** What the server must have for this to be decided. */
  needs?: 'tcp' | 'tls' | 'ipv6' | 'secret';
  /** Throws where the server is wrong. */
  run(lab: ProbeLab): Promise<void>;
}

export class Peer {
  readonly address: string;
  readonly port: number;
  readonly #socket: Socket;
  readonly #received: {payload: Buffer; from: {address: string; port: number}}[] = [];

  private constructor(socket: Socket) {
    this.#socket = socket;
    ({address: this.address, port: this.port} = socket.address());
    socket.on('message', (payload, {address, port}) => this.#received.push({payload, from: {address, port}}));
  }

  static async open(address: string, port = 0): Promise<Peer> {
    const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
    socket.bind(port, address);
    await once(socket, 'listening');
    return new Peer(socket);
  }

  send(to: {address: string; port: number}, payload: Uint8Array): void {
    this.#socket.send(payload, to.port, to.address);
  }

  /** The next datagram, or undefined after a silence. */
  async next(silenceMs = silence.ms): Promise<{payload: Buffer; from: {address: string; port: number}} | undefined> {
    const deadline = Date.now() + silenceMs;
    while (this.#received.length === 0 && Date.now() < deadline) await sleep(5);
    return this.#received.shift();
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }
}

/** Fails a probe, saying what was expected and what came. */
export function expected(what: string, got: unknown): never {
  throw new Error(`expected ${what}, got ${got === undefined ? 'nothing' : String(got)}`);
}

export function mustBe<T>(got: T, wanted: T, what: string): void {
  if (got !== wanted) expected(`${what} ${String(wanted)}`, got);
}

export function mustSucceed(answer: {class: string; code?: number} | undefined, what: string): void {
  if (answer?.class !== 'success') expected(`${what} to succeed`, answer?.code);
}

export function mustFail(answer: {class: string; code?: number} | undefined, code: number, what: string): void {
  if (answer?.code !== code) expected(`${code} for ${what}`, answer?.code ?? answer?.class);
}

export function mustEqual(got: Uint8Array | undefined, wanted: Uint8Array, what: string): void {
  if (got === undefined || !Buffer.from(wanted).equals(got)) expected(what, got && Buffer.from(got).toString('hex'));
}
