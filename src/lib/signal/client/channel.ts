import {setTimeout as sleep} from 'node:timers/promises';

import {QuiverError} from '../../core/errors.ts';
import {readSignalMessage} from '../../records/signal-message.ts';
import type {
  OfferedIceServer,
  PeerState,
  SignalChannel,
  SignalEvents,
  SignalListener,
  SignalMessage,
  SignalPeer,
} from '../../records/signal-message.ts';
import {isFinal} from '../errors.ts';
import {Emitter} from './emitter.ts';
import {closedChannel, fromServer, tooLate, tooMuch} from './errors.ts';
import {Link} from './link.ts';
import {Roster} from './roster.ts';
import type {SignalServerAddress} from './wire.ts';

/** For one server to let us in, dialling included. */
const JOIN_DEADLINE_MS = 15_000;
/** For a message while the connection is away; ICE has given up long before. */
const SEND_DEADLINE_MS = 30_000;
/** An offer with all candidates, to several peers. */
const SENDING_LIMIT = 512;
const FIRST_DELAY_MS = 250;
const DELAY_LIMIT_MS = 15_000;
/** For telling the server that we leave. */
const LEAVE_DEADLINE_MS = 1_000;

export interface ChannelOptions {
  room: string;
  /** Own peer id. */
  self: string;
  /** Tried in turn; at least one. */
  servers: readonly SignalServerAddress[];
  /** Leaves the room when it aborts. */
  signal?: AbortSignal;
  /** For the first joining. @default 15 s for each server */
  joinDeadlineMs?: number;
}

/**
 * Joins a room, and stays in it until it is closed: when the connection drops it goes back, to the same server or the
 * next, with growing pauses. Resolves once it has joined.
 * Errors: SIGNAL_UNREACHABLE, SIGNAL_TIMEOUT, and what the server refuses with.
 */
export async function openChannel(options: ChannelOptions): Promise<SignalChannel> {
  const channel = new ReconnectingChannel(options);
  await channel.opened;
  return channel;
}

class ReconnectingChannel implements SignalChannel {
  readonly room: string;
  readonly self: string;
  readonly opened: Promise<void>;
  readonly #options: ChannelOptions;
  readonly #emitter = new Emitter();
  readonly #roster = new Roster((peer) => this.#emitter.emit('presence', peer));
  readonly #stopping = new AbortController();
  /** With which a server lets us take up what a dropped connection had joined. */
  readonly #secrets = new Map<SignalServerAddress, string>();
  #link: Link | undefined;
  #ready = Promise.withResolvers<Link>();
  #iceServers: readonly OfferedIceServer[] = [];
  #state: PeerState = 'new';
  #sending = 0;
  #closing: Promise<void> | undefined;

  constructor(options: ChannelOptions) {
    this.room = options.room;
    this.self = options.self;
    this.#options = options;
    this.#ready.promise.catch(() => undefined);
    options.signal?.addEventListener('abort', this.#onAbort, {once: true});
    if (options.signal?.aborted === true) this.#onAbort();
    this.opened = this.#open();
  }

  peers(): readonly SignalPeer[] {
    return this.#roster.peers;
  }

  iceServers(): readonly OfferedIceServer[] {
    return this.#iceServers;
  }

  on<K extends keyof SignalEvents>(event: K, listener: SignalListener<K>): () => void {
    return this.#emitter.on(event, listener);
  }

  async send(to: string, message: SignalMessage): Promise<void> {
    const checked = readSignalMessage(new Map(Object.entries(message)));
    if (this.#sending >= SENDING_LIMIT) throw tooMuch();
    this.#sending += 1;
    const deadline = AbortSignal.timeout(SEND_DEADLINE_MS);
    try {
      await this.#sendText(JSON.stringify({...checked, room: this.room, to}), deadline);
    } finally {
      this.#sending -= 1;
    }
  }

  report(state: PeerState): void {
    this.#state = state;
    // Said again after every joining, so that it need not arrive now.
    this.#link?.send({type: 'state', room: this.room, state}).catch(() => undefined);
  }

  close(): Promise<void> {
    return this.#end();
  }

  async #sendText(text: string, deadline: AbortSignal): Promise<void> {
    for (;;) {
      const link = await orLate(this.#ready.promise, deadline);
      try {
        return await orLate(link.sendText(text), deadline);
      } catch (error) {
        if (deadline.aborted || this.#closing !== undefined) throw error;
        // The connection died under it: once more over the next.
        link.close();
        await link.ended;
      }
    }
  }

  readonly #onAbort = (): void => void this.#end();

  /** The first joining; goes on behind it. */
  async #open(): Promise<void> {
    const {servers, joinDeadlineMs = JOIN_DEADLINE_MS * servers.length} = this.#options;
    const deadline = AbortSignal.any([AbortSignal.timeout(joinDeadlineMs), this.#stopping.signal]);
    let last: unknown = tooLate('Joining');
    for (let attempt = 0; !deadline.aborted; attempt += 1) {
      try {
        const link = await this.#join(attempt, deadline);
        void this.#stay(link, attempt);
        return;
      } catch (error) {
        last = deadline.aborted && !(error instanceof QuiverError) ? last : error;
        if (error instanceof QuiverError && isFinal(error.code) && attempt >= servers.length - 1) break;
        if (attempt >= servers.length - 1) await backOff(attempt - servers.length + 1, deadline);
      }
    }
    const error =
      this.#closing !== undefined ? closedChannel() : last instanceof QuiverError ? last : tooLate('Joining');
    await this.#end(error);
    throw error;
  }

  /** Waits for the end of one connection and makes the next, until the channel is closed. */
  async #stay(first: Link, firstServer: number): Promise<void> {
    let link: Link | undefined = first;
    let server = firstServer;
    for (let failures = 0; this.#closing === undefined;) {
      if (link !== undefined) {
        const reason = await link.ended;
        if (this.#closing !== undefined) return;
        if (reason !== undefined && isFinal(reason.code)) return this.#end(reason);
        this.#away(link);
        if (reason?.code === 'SIGNAL_DRAINING') server += 1;
        failures = 0;
      }
      await backOff(failures, this.#stopping.signal, link?.retryAfterMs);
      link = await this.#join(server, this.#stopping.signal).catch((error: unknown) => {
        if (error instanceof QuiverError && isFinal(error.code)) void this.#end(error);
        return undefined;
      });
      if (link === undefined) {
        failures += 1;
        server += 1;
      }
    }
    link?.close();
  }

  async #join(attempt: number, signal: AbortSignal): Promise<Link> {
    const {servers, room, self} = this.#options;
    const server = servers[attempt % servers.length];
    if (server === undefined) throw new RangeError('a channel needs a server');
    const link = new Link(server, {room, self, several: servers.length > 1}, (message) => {
      if (message.type === 'presence') this.#roster.update(message);
      else if (message.type === 'error') this.#emitter.emit('problem', problemOf(message));
      else {
        const {room: _room, from, ...rest} = message;
        this.#emitter.emit('message', {from, message: rest});
      }
    });
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(JOIN_DEADLINE_MS)]);
    const joined = await link.join(deadline, this.#secrets);
    if (this.#closing !== undefined) {
      link.close();
      throw closedChannel();
    }
    this.#iceServers = joined.iceServers;
    this.#link = link;
    this.#roster.replace(joined.peers);
    link.start();
    if (this.#state !== 'new') this.report(this.#state);
    this.#ready.resolve(link);
    this.#emitter.emit('status', {status: 'connected'});
    return link;
  }

  #away(link: Link): void {
    if (this.#link !== link) return;
    this.#link = undefined;
    this.#ready = Promise.withResolvers<Link>();
    this.#ready.promise.catch(() => undefined);
    this.#emitter.emit('status', {status: 'reconnecting'});
  }

  #end(error?: QuiverError): Promise<void> {
    this.#closing ??= this.#leave(error);
    return this.#closing;
  }

  async #leave(reason: QuiverError | undefined): Promise<void> {
    const link = this.#link;
    this.#link = undefined;
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
    this.#stopping.abort();
    const gone = reason ?? closedChannel();
    // Whoever waits for the connection hears that there will be none.
    this.#ready.reject(gone);
    this.#ready = Promise.withResolvers<Link>();
    this.#ready.promise.catch(() => undefined);
    this.#ready.reject(gone);
    if (link !== undefined) {
      const leaving = link.send({type: 'leave', room: this.room}).catch(() => undefined);
      await Promise.race([leaving, sleep(LEAVE_DEADLINE_MS, undefined, {ref: false})]);
      link.close();
    }
    this.#emitter.emit('status', {status: 'closed', ...(reason !== undefined && {error: reason})});
  }
}

function problemOf(message: {code: string; message: string; fix: string; to?: string}): SignalEvents['problem'] {
  return {error: fromServer(message), ...(message.to !== undefined && {to: message.to})};
}

/** A pause that doubles with every failure, in part by chance, so that not everybody comes back at once. */
async function backOff(failures: number, signal: AbortSignal, atLeastMs = 0): Promise<void> {
  const limitMs = Math.min(DELAY_LIMIT_MS, FIRST_DELAY_MS * 2 ** failures);
  const delayMs = atLeastMs + limitMs * (0.5 + Math.random() / 2);
  await sleep(delayMs, undefined, {signal}).catch(() => undefined);
}

async function orLate<T>(work: Promise<T>, deadline: AbortSignal): Promise<T> {
  const late = Promise.withResolvers<never>();
  const onAbort = (): void => late.reject(tooLate('Sending a signalling message'));
  deadline.addEventListener('abort', onAbort, {once: true});
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    deadline.removeEventListener('abort', onAbort);
  }
}
