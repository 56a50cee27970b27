import {QuiverError} from '../../core/errors.ts';
import {readServerMessage} from '../protocol.ts';
import type {ClientMessage, ServerMessage} from '../protocol.ts';
import {closedChannel, fromServer, tooLate} from './errors.ts';
import type {SignalServerAddress, Wire} from './wire.ts';

export type Joined = Extract<ServerMessage, {type: 'joined'}>;
/** What concerns a channel once it has joined. */
export type RoomMessage = Exclude<ServerMessage, {type: 'joined' | 'drain'}>;

interface Place {
  room: string;
  self: string;
  /** There is another server to go to. */
  several: boolean;
}

/** One connection of a channel: joins, or takes up what the one before had joined, and then passes on what comes. */
export class ServerConnection {
  /** Resolves, with the reason if the server gave one, once the connection is gone. */
  readonly ended: Promise<QuiverError | undefined>;
  readonly #server: SignalServerAddress;
  readonly #place: Place;
  readonly #deliver: (message: RoomMessage) => void;
  readonly #end = Promise.withResolvers<QuiverError | undefined>();
  readonly #joined = Promise.withResolvers<Joined>();
  /** Messages between the answer to our join and `start`. */
  #early: RoomMessage[] | undefined = [];
  #secrets: Map<SignalServerAddress, string> | undefined;
  #wire: Wire | undefined;
  #retryAfterMs = 0;
  #reason: QuiverError | undefined;

  constructor(server: SignalServerAddress, place: Place, deliver: (message: RoomMessage) => void) {
    this.#server = server;
    this.#place = place;
    this.#deliver = deliver;
    this.ended = this.#end.promise;
    this.#joined.promise.catch(() => undefined);
  }

  /** How long the server wants to be left alone, when it said so. */
  get retryAfterMs(): number {
    return this.#retryAfterMs;
  }

  /** Dials, and joins or takes up what `secrets` knows of. Rejects with QuiverError, the connection then being closed. */
  async join(deadline: AbortSignal, secrets: Map<SignalServerAddress, string>): Promise<Joined> {
    this.#secrets = secrets;
    const onAbort = (): void => this.#fail(tooLate(`Joining at ${this.#server.name}`));
    deadline.addEventListener('abort', onAbort, {once: true});
    try {
      deadline.throwIfAborted();
      const events = {
        text: (text: string) => this.#take(text),
        closed: (reason?: QuiverError) => this.#fail(reason ?? this.#reason),
      };
      const wire = await this.#server.dial(events, deadline);
      this.#wire = wire;
      const secret = secrets.get(this.#server);
      const sent = secret === undefined ? this.#sendJoin() : this.send({type: 'resume', session: secret});
      // Where sending ends with the answer to it, as over HTTP, that may never come.
      await Promise.race([sent, this.#joined.promise]);
      return await this.#joined.promise;
    } catch (error) {
      this.close();
      throw deadline.aborted && !(error instanceof QuiverError) ? tooLate(`Joining at ${this.#server.name}`) : error;
    } finally {
      deadline.removeEventListener('abort', onAbort);
    }
  }

  /** From now on messages are delivered, first those that have come already. */
  start(): void {
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const message of early) this.#deliver(message);
  }

  send(message: ClientMessage): Promise<void> {
    return this.sendText(JSON.stringify(message));
  }

  async sendText(text: string): Promise<void> {
    if (this.#wire === undefined) throw closedChannel();
    await this.#wire.send(text);
  }

  /** Idempotent. */
  close(): void {
    this.#wire?.close();
    this.#fail(this.#reason);
  }

  async #sendJoin(): Promise<void> {
    const token = await this.#server.token?.();
    await this.send({type: 'join', room: this.#place.room, ...(token !== undefined && {token})});
  }

  #take(text: string): void {
    let message: ServerMessage;
    try {
      message = readServerMessage(text);
    } catch (error) {
      // A server that makes no sense is left.
      this.#reason = error instanceof QuiverError ? error : undefined;
      this.close();
      return;
    }
    if (message.type === 'joined') this.#onJoined(message);
    else if (message.type === 'error') this.#onError(message);
    else if (message.type === 'drain') this.#onDrain(message.retryAfterMs);
    else if (message.room === this.#place.room) this.#pass(message);
  }

  #onJoined(message: Joined): void {
    if (message.room !== this.#place.room || message.self !== this.#place.self) return;
    this.#secrets?.set(this.#server, message.session);
    this.#joined.resolve(message);
  }

  #onError(message: Extract<ServerMessage, {type: 'error'}>): void {
    if (message.code === 'SIGNAL_NO_SESSION' && message.of === 'resume') {
      this.#secrets?.delete(this.#server);
      this.#sendJoin().catch(() => this.close());
    } else if (message.of === 'join' || message.of === 'resume' || message.code === 'SIGNAL_REPLACED') {
      this.#reason = fromServer(message);
      this.close();
    } else {
      this.#pass(message);
    }
  }

  #onDrain(retryAfterMs: number): void {
    this.#reason = fromServer({code: 'SIGNAL_DRAINING', message: 'The server is being stopped', fix: ''});
    this.#retryAfterMs = retryAfterMs;
    if (this.#place.several) this.close();
  }

  #pass(message: RoomMessage): void {
    if (this.#early === undefined) this.#deliver(message);
    else if (this.#early.length < 1_024) this.#early.push(message);
  }

  #fail(reason: QuiverError | undefined): void {
    this.#joined.reject(reason ?? closedChannel());
    this.#end.resolve(reason);
  }
}
