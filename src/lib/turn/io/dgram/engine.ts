import type {RelaySocket} from '../../core/io.ts';
import type {EngineCounters, EngineOptions, ListenOptions, RelayOptions, UdpEngine, UdpListener} from '../engine.ts';
import {bindSocket} from './bind.ts';
import {DgramListener} from './listener.ts';
import {DgramRelay} from './relay.ts';
import {Slab} from './sender.ts';

/** UDP through `node:dgram`: one system call for each datagram, runs wherever Node does. */
export class DgramEngine implements UdpEngine {
  readonly name = 'dgram';
  readonly counters: EngineCounters = {sendErrors: 0, sendDropped: 0, receiveErrors: 0};
  readonly #options: EngineOptions;
  readonly #slab = new Slab();
  readonly #listeners = new Set<DgramListener>();
  readonly #relays = new Set<DgramRelay>();
  readonly #onClosed = (relay: DgramRelay): void => void this.#relays.delete(relay);

  constructor(options: EngineOptions) {
    this.#options = options;
  }

  async listen(options: ListenOptions): Promise<UdpListener> {
    const socket = await bindSocket({...options, bufferBytes: this.#options.buffers.listenerBytes});
    const listener = new DgramListener(socket, this.#options, this.#slab, this.counters);
    this.#listeners.add(listener);
    return listener;
  }

  async bindRelay(options: RelayOptions): Promise<RelaySocket> {
    const {address, announced = address} = options;
    const socket = await bindSocket({...options, reusePort: false, bufferBytes: this.#options.buffers.relayBytes});
    const shared = {slab: this.#slab, counters: this.counters, onClosed: this.#onClosed};
    const relay = new DgramRelay(socket, announced, this.#options, shared);
    this.#relays.add(relay);
    return relay;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#listeners, ...this.#relays].map((socket) => socket.close()));
  }
}
