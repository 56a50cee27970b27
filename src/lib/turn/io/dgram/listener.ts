import type {RemoteInfo, Socket} from 'node:dgram';

import type {Endpoint} from '../../../stun/endpoint.ts';
import {AddressMap, RecentAddresses} from '../address-map.ts';
import {createEndpoint} from '../endpoint-cache.ts';
import type {Alternates} from '../../core/io.ts';
import type {EngineOptions, EngineCounters, UdpListener, UdpPath} from '../engine.ts';
import {closeSocket} from './bind.ts';
import {DgramSender} from './sender.ts';
import type {Slab} from './sender.ts';

/** Remotes without an allocation that are remembered for as long as a retransmission takes; at most twice as many. */
const STRANGER_GENERATION_LIMIT = 1_024;

class DgramPath implements UdpPath {
  readonly transport = 'udp';
  readonly remote: Endpoint;
  /** As the system writes the address, with the zone of a link-local one. */
  readonly address: string;
  readonly #listener: DgramListener;
  #held = false;

  constructor(listener: DgramListener, address: string, remote: Endpoint) {
    this.#listener = listener;
    this.address = address;
    this.remote = remote;
  }

  get local(): Endpoint {
    return this.#listener.local;
  }

  get alternates(): Alternates | undefined {
    return this.#listener.alternates;
  }

  get held(): boolean {
    return this.#held;
  }

  send(first: Uint8Array, second?: Uint8Array): void {
    this.#listener.send(this, first, second);
  }

  hold(held: boolean): void {
    if (held === this.#held) return;
    this.#held = held;
    this.#listener.keep(this);
  }
}

/** A UDP socket that clients talk to, and the remotes it knows. */
export class DgramListener implements UdpListener {
  readonly local: Endpoint;
  alternates: Alternates | undefined;
  readonly #socket: Socket;
  readonly #sender: DgramSender;
  readonly #options: EngineOptions;
  readonly #held = new AddressMap<DgramPath>();
  readonly #strangers = new RecentAddresses<DgramPath>(STRANGER_GENERATION_LIMIT);
  #closing: Promise<void> | undefined;

  constructor(socket: Socket, options: EngineOptions, slab: Slab, counters: EngineCounters) {
    const {address, port} = socket.address();
    this.local = createEndpoint(address, port);
    this.#socket = socket;
    this.#options = options;
    this.#sender = new DgramSender(socket, slab, counters);
    const {events, now} = options;
    socket.on('message', (bytes: Buffer, remote: RemoteInfo) => {
      events.fromClient(this.#path(remote.address, remote.port), bytes, now());
    });
    socket.on('error', () => {
      counters.receiveErrors += 1;
    });
  }

  path(remote: Endpoint): UdpPath {
    return this.#path(remote.address, remote.port);
  }

  send(path: DgramPath, first: Uint8Array, second?: Uint8Array): void {
    this.#sender.send(path.address, path.remote.port, first, second);
  }

  keep(path: DgramPath): void {
    const {port} = path.remote;
    if (path.held) {
      this.#strangers.delete(path.address, port);
      this.#held.set(path.address, port, path);
    } else {
      this.#held.delete(path.address, port);
      this.#strangers.set(path.address, port, path);
    }
    this.#options.events.heldChanged(path);
  }

  close(): Promise<void> {
    this.#sender.close();
    this.#closing ??= closeSocket(this.#socket);
    return this.#closing;
  }

  #path(address: string, port: number): DgramPath {
    const known = this.#held.get(address, port) ?? this.#strangers.get(address, port);
    if (known !== undefined) return known;
    const path = new DgramPath(this, address, this.#options.endpoints.fromText(address, port));
    this.#strangers.set(address, port, path);
    return path;
  }
}
