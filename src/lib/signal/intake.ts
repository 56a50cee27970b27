import {refusal} from './errors.ts';
import type {SignalExchange} from './exchange.ts';
import {readClientMessage, toErrorMessage} from './protocol.ts';
import type {ClientMessage, ServerMessage} from './protocol.ts';
import type {Face, ClientConnection, Session} from './session.ts';

/** What may wait while a join is checked: an eager client's first offer and its candidates. */
const PENDING_LIMIT = 64;
const PENDING_LIMIT_BYTES = 128 * 1024;
/** Of such messages within a minute, after which a connection is ended: a client in good faith stops long before. */
const STRIKES = new Set(['SIGNAL_INVALID', 'SIGNAL_RATE']);
const STRIKES_LIMIT = 100;
const STRIKES_WINDOW_MS = 60_000;

export interface IntakeOptions {
  link: ClientConnection;
  /** Whom limits count together. */
  source: string;
  face: Face;
  /** Peer id, where the connection itself proves it. */
  identity?: string;
}

type Refused = Extract<ServerMessage, {type: 'error'}>;
type Joining = Extract<ClientMessage, {type: 'join' | 'resume'}>;

/** Takes what one connection says, in order: checks its rate and its shape, lets it in, hands it to the hub. */
export class Intake {
  readonly #exchange: SignalExchange;
  readonly #options: IntakeOptions;
  #session: Session;
  #tail: Promise<unknown> = Promise.resolve();
  #pending = 0;
  #pendingBytes = 0;
  #closed = false;
  #strikes = 0;
  #strikesSinceMs: number;

  /** Throws SIGNAL_FULL or SIGNAL_DRAINING. */
  constructor(exchange: SignalExchange, options: IntakeOptions) {
    this.#exchange = exchange;
    this.#options = options;
    const nowMs = exchange.now();
    this.#strikesSinceMs = nowMs;
    this.#session = exchange.hub.open(options.link, options.source, options.face, nowMs);
  }

  get session(): Session {
    return this.#session;
  }

  /** One message as it came. Never rejects: resolves, once it was dealt with, with the refusal if there was one. */
  take(text: string): Promise<Refused | undefined> {
    if (this.#closed) return Promise.resolve(undefined);
    let message: ClientMessage | undefined;
    try {
      this.#exchange.spend(this.#options.source, text.length);
      message = readClientMessage(text);
      this.#exchange.hub.stats.received.add(message.type);
      if (message.type !== 'join' && message.type !== 'resume' && this.#pending === 0) {
        this.#receive(message);
        return Promise.resolve(undefined);
      }
      return this.#queue(message, text.length);
    } catch (error) {
      return Promise.resolve(this.#refuse(error, message));
    }
  }

  /** The connection is gone. Idempotent. */
  closed(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#exchange.hub.lost(this.#session, this.#options.link, this.#exchange.now());
  }

  /** Joining takes a while; what comes meanwhile waits for it. */
  #queue(message: ClientMessage, bytes: number): Promise<Refused | undefined> {
    if (this.#pending >= PENDING_LIMIT || this.#pendingBytes + bytes > PENDING_LIMIT_BYTES)
      throw refusal('SIGNAL_RATE');
    this.#pending += 1;
    this.#pendingBytes += bytes;
    const work = this.#tail.then(async () => {
      try {
        if (this.#closed) return undefined;
        if (message.type === 'join' || message.type === 'resume') await this.#enter(message);
        else this.#receive(message);
        return undefined;
      } catch (error) {
        return this.#refuse(error, message);
      } finally {
        this.#pending -= 1;
        this.#pendingBytes -= bytes;
      }
    });
    this.#tail = work;
    return work;
  }

  async #enter(message: Joining): Promise<void> {
    const {source, identity} = this.#options;
    this.#exchange.spendJoin(source);
    if (message.type === 'resume') return this.#resume(message.session);
    const {room, token} = message;
    const peer = await this.#exchange.identify(identity, token, room);
    const iceServers = await this.#exchange.iceServers(peer);
    const {elsewhere, release} = await this.#exchange.enter(room);
    try {
      if (!this.#closed) this.#exchange.hub.join(this.#session, {peer, room, iceServers, elsewhere});
    } finally {
      release();
    }
  }

  async #resume(secret: string): Promise<void> {
    const {hub} = this.#exchange;
    const {link, identity} = this.#options;
    const peer = hub.peerOf(secret);
    if (peer === undefined || this.#session.rooms.size > 0) throw refusal('SIGNAL_NO_SESSION');
    const iceServers = await this.#exchange.iceServers(peer);
    if (this.#closed) return;
    const fresh = this.#session;
    this.#session = hub.resume(secret, link, iceServers, identity);
    hub.end(fresh);
  }

  #receive(message: Exclude<ClientMessage, Joining>): void {
    const {peer} = this.#session;
    if (peer !== undefined) this.#exchange.spendOf(peer);
    this.#exchange.hub.receive(this.#session, message);
  }

  #refuse(error: unknown, about?: ClientMessage): Refused {
    const refused = toErrorMessage(error, about);
    this.#exchange.refused(refused.code, error);
    if (STRIKES.has(refused.code)) this.#strike(refused.code);
    return refused;
  }

  #strike(code: string): void {
    const nowMs = this.#exchange.now();
    if (nowMs - this.#strikesSinceMs > STRIKES_WINDOW_MS) {
      this.#strikes = 0;
      this.#strikesSinceMs = nowMs;
    }
    this.#strikes += 1;
    if (this.#strikes < STRIKES_LIMIT) return;
    this.#options.link.close(code === 'SIGNAL_INVALID' ? 'invalid' : 'flooding');
  }
}
