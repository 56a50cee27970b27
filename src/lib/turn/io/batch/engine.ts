import {closeSync} from 'node:fs';

import type {RelaySocket} from '../../core/io.ts';
import type {
  CreateEngine,
  EngineCounters,
  EngineOptions,
  ListenOptions,
  RelayOptions,
  UdpEngine,
  UdpListener,
} from '../engine.ts';
import {Arena, SLOTS} from './arena.ts';
import {bindSocket, type BoundSocket, closeSocket} from './bind.ts';
import {EPOLL_EVENT, NativeBlock} from './layout.ts';
import {adopt, EPOLL_CTL_ADD, EPOLLIN, type Libc, O_CLOEXEC, openLibc} from './libc.ts';
import {BatchListener, type Post} from './listener.ts';
import {Outbox, type Outlet} from './outbox.ts';
import {Receiver} from './receiver.ts';
import {BatchRelay} from './relay.ts';

/** Sockets told of by one call: there is another call when more are ready. */
const EVENTS = 64;
/** Datagrams of one socket before the next one's turn. */
const SOCKET_BATCH = 64;
/** Two turns of full batches take about 1 ms; then timers, connections and messages of other threads have theirs. */
const MAX_ROUNDS = 4;
/** After so long a pause a datagram comes alone; if others came with it, Node brings the next one at once. */
const LONELY_MS = 0.1;
/** After a round with fewer datagrams there is most likely nothing more: waiting costs less than asking again. */
const BUSY_ROUND = 32;

/**
 * UDP with many datagrams for one system call, through libc: recvmmsg, sendmmsg, and one big datagram for many
 * (UDP_SEGMENT) when `segment` is set.
 *
 * Node has a socket of its own over each descriptor. It wakes the event loop with one datagram, and all others there
 * are, of any socket, are taken here before it can look for a second. So an idle engine costs nothing, everything else
 * on the thread goes on, and a thread that dies takes its sockets along. (koffi can watch a descriptor too, but the
 * process aborts when the thread is terminated meanwhile.)
 */
export class BatchEngine implements UdpEngine, Post {
  readonly name = 'batch';
  readonly counters: EngineCounters = {sendErrors: 0, sendDropped: 0, receiveErrors: 0};
  readonly #libc: Libc;
  readonly #options: EngineOptions;
  readonly #arena: Arena;
  readonly #outbox: Outbox;
  readonly #receivers: {4: Receiver; 6: Receiver};
  readonly #events: NativeBlock;
  readonly #epoll: number;
  readonly #sockets = new Map<number, BatchListener | BatchRelay>();
  #inTurn = false;
  #rungAtMs = 0;
  #flushing = false;
  #closed = false;

  constructor(libc: Libc, options: EngineOptions, segment: boolean) {
    this.#libc = libc;
    this.#options = options;
    this.#arena = new Arena(libc);
    this.#outbox = new Outbox(libc, this.#arena, this.counters, segment);
    this.#receivers = {4: new Receiver(libc, this.#arena, 4), 6: new Receiver(libc, this.#arena, 6)};
    this.#events = new NativeBlock(EVENTS * 16, (array) => libc.addressOf(array));
    const epoll = libc.epollCreate(O_CLOEXEC);
    if (epoll < 0) throw new Error(`epoll_create1 fails with errno ${libc.errno()}`);
    this.#epoll = adopt(libc, epoll);
  }

  listen(options: ListenOptions): Promise<UdpListener> {
    return this.#bound(() => {
      const bound = bindSocket(this.#libc, {...options, bufferBytes: this.#options.buffers.listenerBytes});
      return new BatchListener(bound, options.address, this.#options, this);
    });
  }

  bindRelay(options: RelayOptions): Promise<RelaySocket> {
    const {address, announced = address, family} = options;
    return this.#bound(() => {
      const bufferBytes = this.#options.buffers.relayBytes;
      const bound = bindSocket(this.#libc, {...options, reusePort: false, bufferBytes});
      return new BatchRelay(bound, family, announced, this.#options, this);
    });
  }

  send(outlet: Outlet, name: Uint8Array, first: Uint8Array, second?: Uint8Array): void {
    this.#outbox.add(outlet, name, first, second);
    if (this.#inTurn || this.#flushing) return;
    this.#flushing = true;
    queueMicrotask(() => this.#flush());
  }

  release(bound: BoundSocket): Promise<void> {
    this.#outbox.flush();
    this.#sockets.delete(bound.fd);
    return closeSocket(bound); // which takes it out of the epoll set
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await Promise.all([...this.#sockets.values()].map((socket) => socket.close()));
    closeSync(this.#epoll);
  }

  async #bound<Socket extends BatchListener | BatchRelay>(bind: () => Socket): Promise<Socket> {
    if (this.#closed) throw new Error('the engine is closed');
    const socket = bind();
    const event = new Uint8Array(EPOLL_EVENT.size);
    const view = new DataView(event.buffer);
    view.setUint32(EPOLL_EVENT.events, EPOLLIN, true);
    view.setUint32(EPOLL_EVENT.data, socket.fd, true);
    this.#sockets.set(socket.fd, socket);
    const {node} = socket.bound;
    node.on('message', (bytes, {address, port}) => this.#rung(socket, address, port, bytes));
    node.on('error', () => {
      this.counters.receiveErrors += 1;
    });
    if (this.#libc.epollControl(this.#epoll, EPOLL_CTL_ADD, socket.fd, event) < 0) {
      const errno = this.#libc.errno();
      await socket.close();
      throw new Error(`epoll_ctl fails with errno ${errno}`);
    }
    return socket;
  }

  /** Node has taken one datagram: when it comes soon after others, there may be more. */
  #rung(socket: BatchListener | BatchRelay, address: string, port: number, bytes: Uint8Array): void {
    const nowMs = this.#options.now();
    const busy = nowMs - this.#rungAtMs < LONELY_MS;
    this.#rungAtMs = nowMs;
    this.#inTurn = true;
    try {
      socket.receivedByNode(address, port, bytes, nowMs);
      if (busy) for (let round = 0; round < MAX_ROUNDS && this.#round() >= BUSY_ROUND; round += 1);
      else this.#outbox.flush();
    } finally {
      this.#inTurn = false;
    }
  }

  /** Takes and delivers what is there, and sends what that led to; how many datagrams. */
  #round(): number {
    const ready = this.#libc.epollWait(this.#epoll, this.#events.address, EVENTS, 0);
    const nowMs = this.#options.now();
    let slot = 0;
    let taken = 0;
    for (let i = 0; i < ready; i += 1) {
      const socket = this.#sockets.get(this.#events.u32[(i * EPOLL_EVENT.size + EPOLL_EVENT.data) >> 2] ?? -1);
      if (socket === undefined) continue;
      if (SLOTS - slot < SOCKET_BATCH) {
        this.#outbox.flush();
        slot = 0;
      }
      const count = this.#receivers[socket.family].receive(socket.fd, slot, SOCKET_BATCH);
      if (count < 0) {
        this.counters.receiveErrors += 1;
        continue;
      }
      this.#deliver(socket, slot, count, nowMs);
      slot += count;
      taken += count;
    }
    this.#outbox.flush();
    return taken;
  }

  #deliver(socket: BatchListener | BatchRelay, first: number, count: number, nowMs: number): void {
    const receiver = this.#receivers[socket.family];
    for (let slot = first; slot < first + count; slot += 1) {
      const length = receiver.length(slot);
      if (length < 0) {
        this.counters.receiveErrors += 1;
        continue;
      }
      const bytes = this.#arena.datagram(slot, length);
      socket.received(receiver, slot, bytes, nowMs);
    }
  }

  #flush(): void {
    this.#flushing = false;
    this.#outbox.flush();
  }
}

/** Rejects, naming the reason, where it can't run. */
export const createBatchEngine: CreateEngine = async (options) =>
  new BatchEngine(await openLibc(), options, options.segmentation ?? true);
