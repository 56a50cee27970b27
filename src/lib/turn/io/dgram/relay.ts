import type {RemoteInfo, Socket} from 'node:dgram';

import type {Endpoint} from '../../../stun/endpoint.ts';
import type {RelaySocket} from '../../core/io.ts';
import {endpointOf} from '../endpoint-cache.ts';
import type {EngineCounters, EngineOptions} from '../engine.ts';
import {closeSocket} from './bind.ts';
import {DgramSender} from './sender.ts';
import type {Slab} from './sender.ts';

/** The UDP socket of one allocation. */
export class DgramRelay implements RelaySocket {
  readonly relayed: Endpoint;
  owner: unknown = undefined;
  readonly #socket: Socket;
  readonly #sender: DgramSender;
  readonly #onClosed: (relay: DgramRelay) => void;
  #closing: Promise<void> | undefined;

  constructor(
    socket: Socket,
    announced: string,
    {events, endpoints, now}: EngineOptions,
    {slab, counters, onClosed}: {slab: Slab; counters: EngineCounters; onClosed: (relay: DgramRelay) => void},
  ) {
    this.relayed = endpointOf(announced, socket.address().port);
    this.#socket = socket;
    this.#sender = new DgramSender(socket, slab, counters);
    this.#onClosed = onClosed;
    // Most allocations talk to one peer.
    let latest: Endpoint | undefined;
    socket.on('message', (bytes: Buffer, {address, port}: RemoteInfo) => {
      if (this.#closing !== undefined) return;
      if (latest?.port !== port || latest.address !== address) latest = endpoints.fromText(address, port);
      events.fromPeer(this, latest, bytes, now());
    });
    socket.on('error', () => {
      counters.receiveErrors += 1;
    });
  }

  send(peer: Endpoint, bytes: Uint8Array): void {
    this.#sender.send(peer.address, peer.port, bytes);
  }

  close(): Promise<void> {
    this.#sender.close();
    this.#closing ??= closeSocket(this.#socket).then(() => this.#onClosed(this));
    return this.#closing;
  }
}
