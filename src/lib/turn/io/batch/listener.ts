import {ipText} from '../../../core/ip-address.ts';
import type {Endpoint} from '../../../stun/endpoint.ts';
import type {Alternates} from '../../core/io.ts';
import {endpointOf} from '../endpoint-cache.ts';
import type {EngineOptions, UdpListener, UdpPath} from '../engine.ts';
import {type BoundSocket, scopeOf} from './bind.ts';
import {socketAddress} from './layout.ts';
import type {Outlet} from './outbox.ts';
import type {Receiver} from './receiver.ts';
import {RecentSources, type SourceKey, sourceKey} from './source-key.ts';

/** What a socket needs of its engine. */
export interface Post {
  send(outlet: Outlet, name: Uint8Array, first: Uint8Array, second?: Uint8Array): void;
  /** Sends what is still to be sent, then closes the descriptor; resolves when it is closed. */
  release(bound: BoundSocket): Promise<void>;
}

/**
 * Remotes without an allocation, remembered only to save making them again: at least the latest so many. Few, so that
 * under a flood of sources they are forgotten before the collector of young objects would move them to old ones.
 */
const STRANGER_GENERATION_LIMIT = 32;

class BatchPath implements UdpPath {
  readonly transport = 'udp';
  readonly remote: Endpoint;
  readonly key: SourceKey;
  readonly name: Uint8Array;
  readonly #listener: BatchListener;
  #held = false;

  constructor(listener: BatchListener, remote: Endpoint, key: SourceKey, scope: number) {
    this.#listener = listener;
    this.remote = remote;
    this.key = key;
    this.name = socketAddress(remote.bytes, remote.port, scope);
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
    this.#listener.send(this.name, first, second);
  }

  hold(held: boolean): void {
    if (held === this.#held) return;
    this.#held = held;
    this.#listener.keep(this);
  }
}

/** A UDP socket that clients talk to, and the remotes it knows. */
export class BatchListener implements UdpListener, Outlet {
  readonly bound: BoundSocket;
  readonly fd: number;
  readonly local: Endpoint;
  alternates: Alternates | undefined;
  first = -1;
  last = -1;
  readonly family: 4 | 6;
  readonly #options: EngineOptions;
  readonly #post: Post;
  readonly #held = new Map<SourceKey, BatchPath>();
  readonly #strangers = new RecentSources<BatchPath>(STRANGER_GENERATION_LIMIT);
  /** Datagrams come in runs: most are from where the one before came from. */
  #latest: BatchPath | undefined;
  #closing: Promise<void> | undefined;

  constructor(bound: BoundSocket, address: string, options: EngineOptions, post: Post) {
    this.bound = bound;
    this.fd = bound.fd;
    this.local = endpointOf(address, bound.port);
    this.family = this.local.family;
    this.#options = options;
    this.#post = post;
  }

  path(remote: Endpoint): UdpPath {
    const key = sourceKey(remote.bytes, remote.port, 0);
    return this.#known(key) ?? this.#meet(remote, key, 0);
  }

  send(name: Uint8Array, first: Uint8Array, second: Uint8Array | undefined): void {
    if (this.#closing === undefined) this.#post.send(this, name, first, second);
  }

  keep(path: BatchPath): void {
    if (path.held) {
      this.#strangers.delete(path.key);
      this.#held.set(path.key, path);
    } else {
      this.#held.delete(path.key);
      this.#strangers.set(path.key, path);
    }
    this.#options.events.heldChanged(path);
  }

  /** A datagram in a slot of the arena. */
  received(from: Receiver, slot: number, bytes: Uint8Array, nowMs: number): void {
    const key = from.key(slot);
    if (this.#latest?.key !== key) {
      this.#latest =
        this.#known(key) ?? this.#meet(endpointOf(ipText(from.address(slot)), from.port(slot)), key, from.scope(slot));
    }
    this.#deliver(this.#latest, bytes, nowMs);
  }

  /** A datagram that Node has taken. */
  receivedByNode(address: string, port: number, bytes: Uint8Array, nowMs: number): void {
    let path = this.#latest;
    if (path?.remote.port !== port || path.remote.address !== address) {
      const remote = endpointOf(address, port);
      const scope = scopeOf(address.split('%')[1]);
      const key = sourceKey(remote.bytes, port, scope);
      path = this.#known(key) ?? this.#meet(remote, key, scope);
      this.#latest = path;
    }
    this.#deliver(path, bytes, nowMs);
  }

  close(): Promise<void> {
    this.#closing ??= this.#post.release(this.bound);
    return this.#closing;
  }

  #deliver(path: BatchPath, bytes: Uint8Array, nowMs: number): void {
    if (this.#closing === undefined) this.#options.events.fromClient(path, bytes, nowMs);
  }

  #known(key: SourceKey): BatchPath | undefined {
    return this.#held.get(key) ?? this.#strangers.get(key);
  }

  #meet(remote: Endpoint, key: SourceKey, scope: number): BatchPath {
    const path = new BatchPath(this, remote, key, scope);
    this.#strangers.set(key, path);
    return path;
  }
}
