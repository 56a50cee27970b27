import type {RemoteInfo, Socket} from 'node:dgram';

import type {Endpoint} from '../../../stun/endpoint.ts';
import {AddressMap} from '../address-map.ts';
import {endpointOf} from '../endpoint-cache.ts';
import type {Alternates} from '../../core/io.ts';
import type {EngineOptions, EngineCounters, UdpListener, UdpPath} from '../engine.ts';
import {closeSocket} from './bind.ts';
import {DgramSender} from './sender.ts';
import type {Slab} from './sender.ts';

/**
 * Places for remotes without an allocation, remembered only to save making them again; a power of two. Few, so that a
 * flood from many sources leaves nothing behind that got old.
 */
const STRANGER_SLOTS = 256;

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
  readonly #strangers = Array.from<DgramPath | undefined>({length: STRANGER_SLOTS});
  #closing: Promise<void> | undefined;

  constructor(socket: Socket, options: EngineOptions, slab: Slab, counters: EngineCounters) {
    const {address, port} = socket.address();
    this.local = endpointOf(address, port);
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
    if (path.held) this.#held.set(path.address, port, path);
    else {
      this.#held.delete(path.address, port);
      // The request that ended its allocation may be sent again, and is answered by what the core keeps for this path.
      this.#strangers[port & (STRANGER_SLOTS - 1)] = path;
    }
    this.#options.events.heldChanged(path);
  }

  close(): Promise<void> {
    this.#sender.close();
    this.#closing ??= closeSocket(this.#socket);
    return this.#closing;
  }

  #path(address: string, port: number): DgramPath {
    const held = this.#held.get(address, port);
    if (held !== undefined) return held;
    const slot = port & (STRANGER_SLOTS - 1);
    const recent = this.#strangers[slot];
    if (recent?.remote.port === port && recent.address === address) return recent;
    const path = new DgramPath(this, address, endpointOf(address, port));
    this.#strangers[slot] = path;
    return path;
  }
}
