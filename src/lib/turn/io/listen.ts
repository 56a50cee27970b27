import {parseIp} from '../../core/ip-address.ts';
import type {ClientTransport} from '../core/io.ts';
import type {ListenOptions, UdpEngine, UdpListener} from './engine.ts';
import type {BoundAddress, ServerListen} from './server-options.ts';
import type {StreamListener} from './stream/stream-listener.ts';
import type {ListenFailure} from './workers/messages.ts';
import {joinAlternates} from './udp-listeners.ts';
import type {ListenerAt} from './udp-listeners.ts';

/** Where any port will do, one that is free for UDP may be taken for TCP. */
const FREE_PORT_ATTEMPTS = 10;

export interface Listeners {
  udp: readonly UdpListener[];
  streams: readonly StreamListener[];
  bound: readonly BoundAddress[];
}

export interface ListenParts {
  engine: UdpEngine;
  createTcp: () => StreamListener;
  createTls: (() => StreamListener) | undefined;
}

/** Which listener could not be opened, and why: of this thread with its `cause`, or as a worker has said it. */
export class ListenError extends Error {
  override readonly name = 'ListenError';
  readonly at: BoundAddress;
  readonly code: string;

  constructor({at, code, message}: ListenFailure, options?: ErrorOptions) {
    super(message, options);
    this.at = at;
    this.code = code;
  }
}

/** Opens all listeners or none; throws `ListenError`. */
export async function openListeners(listen: ServerListen, parts: ListenParts): Promise<Listeners> {
  for (let attempt = 1; ; attempt += 1) {
    const opening = new Opening(listen, parts);
    try {
      return await opening.run();
    } catch (error) {
      await opening.close();
      const again = listen.port === 0 && error instanceof ListenError && error.code === 'EADDRINUSE';
      if (!again || attempt === FREE_PORT_ATTEMPTS) throw error;
    }
  }
}

class Opening {
  readonly #listen: ServerListen;
  readonly #parts: ListenParts;
  readonly #udp: ListenerAt[] = [];
  readonly #streams: StreamListener[] = [];
  readonly #bound: BoundAddress[] = [];

  constructor(listen: ServerListen, parts: ListenParts) {
    this.#listen = listen;
    this.#parts = parts;
  }

  async run(): Promise<Listeners> {
    const {hosts, tcp, tls, alternatePort} = this.#listen;
    const {createTcp, createTls} = this.#parts;
    const port = await this.#openUdp(this.#listen.port, false);
    if (alternatePort !== undefined) await this.#openUdp(alternatePort, true);
    for (const host of hosts) if (tcp) await this.#openStream('tcp', createTcp(), host, port);
    let tlsPort = tls?.port ?? 0;
    for (const host of hosts) {
      if (createTls !== undefined) tlsPort = await this.#openStream('tls', createTls(), host, tlsPort);
    }
    joinAlternates(this.#udp);
    return {udp: this.#udp.map(({listener}) => listener), streams: this.#streams, bound: this.#bound};
  }

  async close(): Promise<void> {
    await Promise.all([
      ...this.#udp.map(({listener}) => listener.close()),
      ...this.#streams.map((each) => each.close()),
    ]);
  }

  /** All hosts get the port that the first was given. */
  async #openUdp(wanted: number, alternate: boolean): Promise<number> {
    let port = wanted;
    for (const [index, host] of this.#listen.hosts.entries()) {
      const listener = await this.#open('udp', host, port, (options) => this.#parts.engine.listen(options));
      const publicAddress = this.#listen.publicAddresses?.[index];
      ({port} = listener.local);
      this.#udp.push({host, publicAddress, listener, alternate});
      this.#bound.push({transport: 'udp', address: host, port});
    }
    return port;
  }

  async #openStream(transport: 'tcp' | 'tls', listener: StreamListener, host: string, wanted: number): Promise<number> {
    this.#streams.push(listener);
    const {port} = await this.#open(transport, host, wanted, (options) => listener.listen(options));
    this.#bound.push({transport, address: host, port});
    return port;
  }

  async #open<Opened>(
    transport: ClientTransport,
    address: string,
    port: number,
    open: (options: ListenOptions) => Promise<Opened>,
  ): Promise<Opened> {
    const family = parseIp(address.replace(/%.*/u, ''))?.family ?? 4;
    try {
      return await open({family, address, port, reusePort: this.#listen.reusePort});
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : '';
      const message = error instanceof Error ? error.message : String(error);
      throw new ListenError({at: {transport, address, port}, code, message}, {cause: error});
    }
  }
}
