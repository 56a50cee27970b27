import type {Socket} from 'node:net';

import type {Endpoint} from '../../../stun/endpoint.ts';
import {FrameReader, MAX_FRAME_BYTES} from '../../../stun/frame-reader.ts';
import type {ClientPath} from '../../core/io.ts';
import type {StreamCounters, StreamEvents, StreamLimits} from './stream-options.ts';

/** The first two bits of ChannelData (RFC 8656 section 12.4). */
const CHANNEL_DATA = 0x40;
/** Message type of a Data indication, high and low byte. */
const DATA_INDICATION = [0x00, 0x17] as const;
/** Answers are still sent past the limit for data: on a stream nobody asks again. It is all that a stranger gets. */
const ANSWER_RESERVE_BYTES = 64 * 1024;
const PADDING = Buffer.alloc(4);
/** Requests are far shorter; without a bound each connection of a stranger could keep 64 KiB waiting. */
const STRANGER_FRAME_BYTES = 4 * 1024;

export interface StreamPathOptions {
  socket: Socket;
  transport: 'tcp' | 'tls';
  local: Endpoint;
  remote: Endpoint;
  limits: StreamLimits;
  events: StreamEvents;
  counters: StreamCounters;
  now: () => number;
}

/** One TCP or TLS connection of a client. Closes itself when what comes isn't STUN; `overdue` says when it should be. */
export class StreamPath implements ClientPath {
  readonly transport: 'tcp' | 'tls';
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly #socket: Socket;
  readonly #options: StreamPathOptions;
  readonly #frames = new FrameReader({maxFrameBytes: STRANGER_FRAME_BYTES});
  #held = false;
  #closed = false;
  /** Without an allocation a whole message must have come by then. */
  #deadlineMs: number;

  constructor(options: StreamPathOptions) {
    const {socket, transport, local, remote, limits, events, now} = options;
    this.transport = transport;
    this.local = local;
    this.remote = remote;
    this.#socket = socket;
    this.#options = options;
    this.#deadlineMs = now() + limits.firstMessageMs;
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    // What went wrong with a stranger's connection is of no interest; 'close' follows.
    socket.on('error', () => undefined);
    socket.once('close', () => {
      this.#closed = true;
      events.closed(this);
    });
  }

  send(first: Uint8Array, second?: Uint8Array): void {
    if (this.#closed || !this.#socket.writable) return;
    const {limits, counters} = this.#options;
    const dataLimit = this.#held ? limits.writeBufferBytes : 0;
    if (this.#socket.writableLength > (isData(first) ? dataLimit : dataLimit + ANSWER_RESERVE_BYTES)) {
      counters.sendDropped += 1;
      return;
    }
    const length = first.length + (second?.length ?? 0);
    const padding = -length & 3;
    const frame = Buffer.allocUnsafe(length + padding);
    frame.set(first);
    if (second !== undefined) frame.set(second, first.length);
    if (padding > 0) frame.set(PADDING.subarray(0, padding), length);
    this.#socket.write(frame);
  }

  hold(held: boolean): void {
    this.#held = held;
    this.#frames.maxFrameBytes = held ? MAX_FRAME_BYTES : STRANGER_FRAME_BYTES;
    this.#deadlineMs = this.#options.now() + this.#options.limits.idleMs;
  }

  overdue(nowMs: number): boolean {
    return !this.#held && nowMs >= this.#deadlineMs;
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    const {events, limits, now} = this.#options;
    const nowMs = now();
    const isStun = this.#frames.push(chunk, (frame) => {
      this.#deadlineMs = nowMs + limits.idleMs;
      if (!this.#closed) events.fromClient(this, frame, nowMs);
    });
    if (!isStun) this.#socket.destroy();
  }
}

function isData(first: Uint8Array): boolean {
  const [high = 0, low = 0] = first;
  return (high & 0xc0) === CHANNEL_DATA || (high === DATA_INDICATION[0] && low === DATA_INDICATION[1]);
}
