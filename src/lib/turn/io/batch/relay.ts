import type {Endpoint} from '../../../stun/endpoint.ts';
import type {RelaySocket} from '../../core/io.ts';
import {endpointOf} from '../endpoint-cache.ts';
import type {EngineOptions} from '../engine.ts';
import type {BoundSocket} from './bind.ts';
import {socketAddress} from './layout.ts';
import type {Post} from './listener.ts';
import type {Outlet} from './outbox.ts';
import type {Receiver} from './receiver.ts';
import type {SourceKey} from './source-key.ts';

/** The UDP socket of one allocation. */
export class BatchRelay implements RelaySocket, Outlet {
  readonly bound: BoundSocket;
  readonly fd: number;
  readonly relayed: Endpoint;
  owner: unknown = undefined;
  first = -1;
  last = -1;
  readonly family: 4 | 6;
  readonly #options: EngineOptions;
  readonly #post: Post;
  /** Most allocations talk to one peer. */
  #fromKey: SourceKey | undefined;
  #from: Endpoint | undefined;
  #to: Endpoint | undefined;
  #toName: Uint8Array = new Uint8Array();
  #closing: Promise<void> | undefined;

  constructor(bound: BoundSocket, family: 4 | 6, announced: string, options: EngineOptions, post: Post) {
    this.bound = bound;
    this.fd = bound.fd;
    this.family = family;
    this.relayed = endpointOf(announced, bound.port);
    this.#options = options;
    this.#post = post;
  }

  send(peer: Endpoint, bytes: Uint8Array): void {
    if (this.#closing !== undefined || peer.family !== this.family) return;
    if (peer !== this.#to) {
      this.#to = peer;
      this.#toName = socketAddress(peer.bytes, peer.port);
    }
    this.#post.send(this, this.#toName, bytes);
  }

  /** A datagram in a slot of the arena. */
  received(from: Receiver, slot: number, bytes: Uint8Array, nowMs: number): void {
    const key = from.key(slot);
    if (key !== this.#fromKey || this.#from === undefined) {
      this.#fromKey = key;
      this.#from = this.#options.endpoints.fromBytes(from.address(slot), from.port(slot));
    }
    this.#deliver(this.#from, bytes, nowMs);
  }

  /** A datagram that Node has taken. */
  receivedByNode(address: string, port: number, bytes: Uint8Array, nowMs: number): void {
    const known = this.#from;
    const same = known?.port === port && known.address === address;
    this.#deliver(same ? known : this.#options.endpoints.fromText(address, port), bytes, nowMs);
  }

  close(): Promise<void> {
    this.#closing ??= this.#post.release(this.bound);
    return this.#closing;
  }

  #deliver(peer: Endpoint, bytes: Uint8Array, nowMs: number): void {
    if (this.#closing === undefined) this.#options.events.fromPeer(this, peer, bytes, nowMs);
  }
}
