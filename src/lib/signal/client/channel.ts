import {QuiverError} from '../../core/errors.ts';
import {pause} from '../../core/pause.ts';
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
import {withDeadline} from '../../service/deadline.ts';
import {isFinal} from '../errors.ts';
import {Emitter} from './emitter.ts';
import {closedChannel, fromServer, noServer, tooLate, tooMuch} from './errors.ts';
import {ServerConnection} from './server-connection.ts';
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
/** A connection that did not last so long counts as a failure too. */
const STEADY_MS = 5_000;
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
 * Errors: SIGNAL_NO_SERVER, SIGNAL_UNREACHABLE, SIGNAL_TIMEOUT, and what the server refuses with.
 */
export async function openChannel(options: ChannelOptions): Promise<SignalChannel> {
  if (options.servers.length === 0) throw noServer();
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
  #link: ServerConnection | undefined;
  #ready = Promise.withResolvers<ServerConnection>();
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
    const text = JSON.stringify({...checked, room: this.room, to});
    try {
      await withDeadline(
        (given) => this.#sendText(text, given),
        SEND_DEADLINE_MS,
        () => tooLate('Sending a signalling message'),
      );
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

  async #sendText(text: string, given: AbortSignal): Promise<void> {
    for (;;) {
      const link = await this.#ready.promise;
      if (given.aborted) return;
      try {
        return await link.sendText(text);
      } catch (error) {
        if (given.aborted || this.#closing !== undefined) throw error;
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
    let last: QuiverError | undefined;
    const tried = (error: QuiverError): void => void (last = error);
    try {
      const late = (): Error => last ?? tooLate('Joining');
      await withDeadline((given) => this.#tryAll(given, tried), joinDeadlineMs, late, this.#stopping.signal);
    } catch (error) {
      const reason = this.#closing === undefined && error instanceof QuiverError ? error : closedChannel();
      await this.#end(reason);
      throw reason;
    }
  }

  /** One server after the other, until one lets us in, or none will. */
  async #tryAll(given: AbortSignal, tried: (error: QuiverError) => void): Promise<void> {
    const all = this.#options.servers.length;
    for (let attempt = 0; !given.aborted; attempt += 1) {
      try {
        const link = await this.#join(attempt, given);
        void this.#stay(link, attempt);
        return;
      } catch (error) {
        if (!(error instanceof QuiverError) || given.aborted) throw error;
        tried(error);
        if (attempt < all - 1) continue;
        if (isFinal(error.code)) throw error;
        await backOff(attempt - all + 1, given);
      }
    }
  }

  /** Waits for the end of one connection and makes the next, until the channel is closed. */
  async #stay(first: ServerConnection, firstServer: number): Promise<void> {
    let link: ServerConnection | undefined = first;
    let server = firstServer;
    for (let failures = 0; this.#closing === undefined;) {
      if (link !== undefined) {
        const joinedAtMs = performance.now();
        const reason = await link.ended;
        if (this.#closing !== undefined) return;
        if (reason !== undefined && isFinal(reason.code)) return this.#end(reason);
        this.#away(link);
        if (reason?.code === 'SIGNAL_DRAINING') server += 1;
        failures = performance.now() - joinedAtMs < STEADY_MS ? failures + 1 : 0;
      }
      const waitMs = this.#options.servers.length === 1 ? link?.retryAfterMs : 0;
      await backOff(failures, this.#stopping.signal, waitMs);
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

  async #join(attempt: number, signal: AbortSignal): Promise<ServerConnection> {
    const {servers, room, self} = this.#options;
    const server = servers[attempt % servers.length];
    if (server === undefined) throw noServer();
    const link = new ServerConnection(server, {room, self, several: servers.length > 1}, (message) => {
      if (message.type === 'presence') this.#roster.update(message);
      else if (message.type === 'error') this.#emitter.emit('problem', problemOf(message));
      else {
        const {room: _room, from, ...rest} = message;
        this.#emitter.emit('message', {from, message: rest});
      }
    });
    const joined = await withDeadline(
      (given) => link.join(given, this.#secrets),
      JOIN_DEADLINE_MS,
      () => tooLate(`Joining at ${server.name}`),
      signal,
    );
    if (this.#closing !== undefined || signal.aborted) {
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

  #away(link: ServerConnection): void {
    if (this.#link !== link) return;
    this.#link = undefined;
    this.#ready = Promise.withResolvers<ServerConnection>();
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
    this.#ready = Promise.withResolvers<ServerConnection>();
    this.#ready.promise.catch(() => undefined);
    this.#ready.reject(gone);
    if (link !== undefined) {
      const leaving = link.send({type: 'leave', room: this.room}).catch(() => undefined);
      await Promise.race([leaving, pause(LEAVE_DEADLINE_MS, undefined, {ref: false})]);
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
  await pause(delayMs, signal);
}
