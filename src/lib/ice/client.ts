import {randomBytes} from 'node:crypto';

import type {PrivateKey} from '@libp2p/interface';
import type {Registry} from 'prom-client';

import {pause} from '../core/pause.ts';
import type {Logger} from '../observability/logger.ts';
import type {SignalChannel, SignalMessage} from '../records/signal-message.ts';
import {IceConnection} from './connection.ts';
import type {ConnectionState} from './connection-types.ts';
import {iceFailed, peerAbsent} from './errors.ts';
import {iceMetrics, type IceMetrics} from './metrics.ts';
import {RESTART, UNKNOWN} from './negotiator.ts';
import type {IcePolicy, PathServers} from './path-types.ts';
import type {QualityOptions} from './quality.ts';
import type {IceStream} from './stream.ts';

export interface IceClientOptions {
  channel: SignalChannel;
  /** Signs what we say; belongs to `channel.self`. */
  key: PrivateKey;
  /** STUN and TURN servers, as they can be reached now (`fresh`: not as a minute ago): what `ServerChoice` gives. */
  servers(signal: AbortSignal, fresh?: boolean): Promise<PathServers>;
  /** `relay` lets nothing but TURN servers see our addresses. @default 'all' */
  policy?: IcePolicy;
  /** Only this address of ours is used, e.g. 127.0.0.1 on a network of this machine. @default all */
  bindAddress?: string;
  quality?: QualityOptions;
  log?: Logger;
  /** Of the service that connects: `quiver_ice_connection_…`, as docs/metrics.md has them. */
  metrics?: Registry;
  /** What a peer opens on any connection; without it such streams are refused. */
  onStream?(stream: IceStream, connection: IceConnection): void;
  onState?(connection: IceConnection, state: ConnectionState): void;
}

export interface ConnectOptions {
  signal: AbortSignal;
  /** For the peer to come, and for the path. @default 30000 */
  deadlineMs?: number;
}

const DEADLINE_MS = 30_000;
/** One offer is enough: the greater id waits for that of the other so long before it makes its own. */
const POLITE_MS = 1_500;
const RETRY_MS = 1_000;
const ENDED_LIMIT = 256;
/** Connection and attempt. */
const SESSION = /^([A-Za-z0-9_-]{16})\.([A-Za-z0-9_-]{1,32})$/;

/** Connections with the peers of one signalling room, to which both sides call: nobody is let in who was not asked for. */
export class IceClient {
  readonly #options: IceClientOptions;
  /** By peer and id. */
  readonly #connections = new Map<string, IceConnection>();
  readonly #ended = new Set<string>();
  /** Until they have given everything back, which takes longer than to be closed by the peer. */
  readonly #open = new Set<IceConnection>();
  readonly #metrics: IceMetrics | undefined;
  readonly #unsubscribe: () => void;

  constructor(options: IceClientOptions) {
    this.#options = options;
    this.#metrics = options.metrics === undefined ? undefined : iceMetrics(options.metrics);
    this.#unsubscribe = options.channel.on('message', ({from, message}) => this.#receive(from, message));
  }

  get connections(): readonly IceConnection[] {
    return [...this.#connections.values()];
  }

  /** Connects with a peer of the room, which may still have to come. Errors: ICE_PEER_ABSENT, ICE_FAILED. */
  async connect(peer: string, {signal, deadlineMs = DEADLINE_MS}: ConnectOptions): Promise<IceConnection> {
    const {channel} = this.#options;
    const connection = this.#create(randomBytes(12).toString('base64url'), peer);
    const deadline = AbortSignal.timeout(deadlineMs);
    const until = AbortSignal.any([signal, deadline]);
    const startedMs = performance.now();
    channel.report('checking');
    try {
      await this.#settle(connection, until);
      channel.report('connected');
      this.#metrics?.connected(connection.stats()?.type ?? 'none', performance.now() - startedMs);
      return connection;
    } catch (cause) {
      channel.report('failed');
      if (!signal.aborted) this.#metrics?.failed();
      const present = channel.peers().some((known) => known.peer === peer);
      const error = deadline.aborted
        ? present
          ? iceFailed(peer, 'no pair of addresses works', cause)
          : peerAbsent(peer)
        : cause;
      await connection.close(error instanceof Error ? error : iceFailed(peer, 'it was given up', error));
      signal.throwIfAborted();
      throw error;
    }
  }

  /** Closes all connections; the channel stays. */
  async close(): Promise<void> {
    this.#unsubscribe();
    await Promise.all([...this.#open].map((connection) => connection.close()));
  }

  async #settle(connection: IceConnection, until: AbortSignal): Promise<void> {
    const {channel} = this.#options;
    const aborted = new Promise<never>((_resolve, reject) => {
      until.addEventListener('abort', () => reject(abortReason(until)), {once: true});
    });
    aborted.catch(() => undefined);
    await Promise.race([this.#present(connection.peer), connection.established, aborted]);
    if (channel.self > connection.peer) {
      await Promise.race([connection.established, pause(POLITE_MS), aborted]);
    }
    for (;;) {
      if (!connection.isNew) return Promise.race([connection.established, aborted]);
      try {
        await Promise.race([connection.offer(), connection.established, aborted]);
        return await Promise.race([connection.established, aborted]);
      } catch (error) {
        if (until.aborted || connection.state === 'closed') throw error;
        await Promise.race([pause(RETRY_MS), connection.established, aborted]);
      }
    }
  }

  /** Resolves when the peer is in the room. */
  async #present(peer: string): Promise<void> {
    const {channel} = this.#options;
    if (channel.peers().some((known) => known.peer === peer)) return;
    const here = Promise.withResolvers<void>();
    const off = channel.on('presence', (event) => {
      if (event.peer === peer && event.present) here.resolve();
    });
    await here.promise.finally(off);
  }

  #receive(from: string, message: SignalMessage): void {
    const [, id, attempt] = SESSION.exec(message.session ?? '') ?? [];
    if (id === undefined || attempt === undefined) return;
    const known = this.#connections.get(nameOf(from, id));
    if (known !== undefined) void known.receive(message);
    else if (message.type === 'offer' && attempt.startsWith(RESTART)) this.#disown(from, id);
    else if (message.type === 'offer') void this.#join(from, id)?.receive(message);
  }

  /** We were started anew, or have closed it: the other side need not try any longer. */
  #disown(peer: string, id: string): void {
    const message = {type: 'ice-candidate', candidate: '', session: `${id}.${UNKNOWN}`} as const;
    this.#options.channel.send(peer, message).catch(() => undefined);
  }

  /** Of an offer for a connection that we don't know: ours with that peer, if we want one too. */
  #join(from: string, id: string): IceConnection | undefined {
    const own = this.connections.find((connection) => connection.peer === from && connection.isNew);
    if (own === undefined || this.#ended.has(nameOf(from, id))) return undefined;
    // Both have offered: one connection is enough, and both sides must choose the same.
    if (this.#options.channel.self < from && own.isOffering) return undefined;
    this.#connections.delete(nameOf(from, own.id));
    own.adopt(id);
    this.#connections.set(nameOf(from, id), own);
    return own;
  }

  #create(id: string, peer: string): IceConnection {
    const {channel, policy = 'all'} = this.#options;
    const connection: IceConnection = new IceConnection({
      ...this.#options,
      id,
      peer,
      policy,
      room: channel.room,
      self: channel.self,
      tell: (message) => channel.send(peer, message),
      onStream: (stream) => {
        if (this.#options.onStream === undefined) stream.reset('nothing is offered here');
        else this.#options.onStream(stream, connection);
      },
      onState: (state) => {
        if (state === 'closed') this.#forget(connection);
        this.#options.onState?.(connection, state);
      },
    });
    this.#connections.set(nameOf(peer, id), connection);
    this.#open.add(connection);
    void connection.closed.then(() => this.#open.delete(connection));
    return connection;
  }

  /** What is still on its way from the other side must not open it anew. */
  #forget({peer, id}: IceConnection): void {
    this.#connections.delete(nameOf(peer, id));
    this.#ended.add(nameOf(peer, id));
    const [oldest] = this.#ended;
    if (this.#ended.size > ENDED_LIMIT && oldest !== undefined) this.#ended.delete(oldest);
  }
}

function nameOf(peer: string, id: string): string {
  return `${peer}/${id}`;
}

function abortReason({reason}: AbortSignal): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}
