import {randomBytes} from 'node:crypto';

import type {SignalMessage} from '../records/signal-message.ts';
import {Attempt, type AttemptOptions} from './attempt.ts';
import type {ConnectionOptions} from './connection-types.ts';
import {connectionClosed, iceFailed} from './errors.ts';
import type {IcePolicy, PathServers} from './path-types.ts';

export interface NegotiatorEvents {
  /** Another path is there, and everything is to go over it; the one before is closed after that. */
  switched(attempt: Attempt): void;
  /** Of the path in use. */
  data(bytes: Buffer): void;
  control(bytes: Buffer): void;
  drain(): void;
  lost(): void;
  refused(error: unknown): void;
}

const ATTEMPT_MS = 15_000;
/** Negotiations that were heard of, so that an offer said again, by whomever, does nothing. */
const SESSIONS_LIMIT = 64;
/** Messages of the peer that wait for the one before them. */
const INBOX_LIMIT = 256;
/** What may come over a path before we know that it is open. */
const HELD_LIMIT = 4;
const LEAVE_MS = 1_000;
/** A direct path is there within a second, or not at all; and as long again for a slow way between the two. */
const DIRECT_MS = 2_000;
/** First letter of an attempt's name that is made without TURN on either side. */
const DIRECT = 'd';
/** First letter of an attempt's name that is for a connection which both sides have. */
export const RESTART = 'r';
/** Name of an attempt by which somebody says that they have no such connection. */
export const UNKNOWN = 'unknown';

/**
 * The paths of one connection: the one in use, and at most one that is being negotiated. Both sides may offer at any
 * time; where they do at once, the offer of the lesser id counts.
 */
export class Negotiator {
  /** Of the connection; the first part of each session's name. */
  id: string;
  readonly #options: ConnectionOptions;
  readonly #events: NegotiatorEvents;
  readonly #stopping = new AbortController();
  readonly #sessions = new Set<string>();
  readonly #held: Buffer[] = [];
  readonly #leaving = new Set<Attempt>();
  #current: Attempt | undefined;
  #pending: Attempt | undefined;
  #inbox: Promise<void> = Promise.resolve();
  #waiting = 0;

  constructor(options: ConnectionOptions, events: NegotiatorEvents) {
    this.id = options.id;
    this.#options = options;
    this.#events = events;
  }

  get current(): Attempt | undefined {
    return this.#current;
  }

  /** Whether our own offer is on its way, and nothing has come of it yet. */
  get isOffering(): boolean {
    return this.#pending?.offers === true && !this.#pending.isOpen;
  }

  /** Offers a path, and resolves when there is one, be it by the other side's offer. Errors: ICE_FAILED. */
  async offer(policy: IcePolicy): Promise<void> {
    const {peer} = this.#options;
    const found = await this.#servers();
    const canRelay = found.turn.length > 0;
    if (!canRelay && this.#options.policy === 'relay') throw iceFailed(peer, 'there is no TURN server to relay');
    this.#stopping.signal.throwIfAborted();
    if (this.#pending !== undefined) return this.#pending.opened;
    if (policy === 'all' && this.#current === undefined && found.stun !== undefined && canRelay) {
      const isThere = await this.#offerDirect(found);
      if (isThere) return;
      this.#stopping.signal.throwIfAborted();
    }
    const session = this.#session(this.#current === undefined ? 'n' : RESTART);
    const attempt = await Attempt.offer(this.#attemptOptions(session, found, canRelay ? policy : 'all'));
    await this.#begin(attempt);
    return attempt.opened;
  }

  /**
   * Tries to do without a relay first: through one the checks pass at once, while a direct path opens only when both
   * sides have sent, and what passes first is taken.
   */
  async #offerDirect({stun}: PathServers): Promise<boolean> {
    const servers = {...(stun !== undefined && {stun}), turn: []};
    const attempt = await Attempt.offer(this.#attemptOptions(this.#session(DIRECT), servers, 'all'));
    await this.#begin(attempt);
    return attempt.opened.then(
      () => true,
      // The other side may have found another one meanwhile.
      () => this.#pending?.opened.then(() => true) ?? this.#current !== undefined,
    );
  }

  #session(kind: string): string {
    return `${this.id}.${kind}${randomBytes(6).toString('base64url')}`;
  }

  /** A message of the peer; they are taken one after the other, in the order they came. */
  async receive(message: SignalMessage): Promise<void> {
    if (this.#waiting >= INBOX_LIMIT) return;
    this.#waiting++;
    this.#inbox = this.#inbox.then(() => this.#take(message));
    try {
      await this.#inbox;
    } catch (error) {
      this.#inbox = Promise.resolve();
      this.#events.refused(error);
    } finally {
      this.#waiting--;
    }
  }

  async close(): Promise<void> {
    this.#stopping.abort(connectionClosed(this.#options.peer));
    const attempts = [this.#current, this.#pending, ...this.#leaving].filter((attempt) => attempt !== undefined);
    await Promise.all(attempts.map((attempt) => attempt.close()));
  }

  async #take(message: SignalMessage): Promise<void> {
    const {session} = message;
    if (session === undefined || this.#stopping.signal.aborted) return;
    const attempt = [this.#pending, this.#current].find((known) => known?.session === session);
    if (message.type === 'ice-candidate') attempt?.takeCandidate(message.candidate);
    else if (message.type === 'answer') await attempt?.takeAnswer(message.sdp);
    else if (attempt !== undefined) attempt.repeat();
    else if (!this.#sessions.has(session)) await this.#takeOffer(session, message.sdp);
  }

  async #takeOffer(session: string, sdp: string): Promise<void> {
    const {self, peer, policy} = this.#options;
    if (this.isOffering && self < peer) return;
    const found = await this.#servers();
    const isDirect = isDirectSession(session, this.id) && policy === 'all';
    const servers = isDirect ? {...found, turn: []} : found;
    const attempt = await Attempt.answer(this.#attemptOptions(session, servers, policy), sdp);
    this.#remember(session);
    await this.#begin(attempt);
  }

  /** Where a path died, what is known of the way to the servers may have died with it. */
  #servers(): Promise<PathServers> {
    return this.#options.servers(this.#stopping.signal, this.#current !== undefined);
  }

  async #begin(attempt: Attempt): Promise<void> {
    const before = this.#pending;
    this.#pending = attempt;
    this.#held.length = 0;
    void this.#follow(attempt);
    await before?.close();
    if (this.#stopping.signal.aborted) await attempt.close();
  }

  async #follow(attempt: Attempt): Promise<void> {
    try {
      await attempt.opened;
    } catch {
      if (this.#pending === attempt) this.#pending = undefined;
      await attempt.close();
      return;
    }
    if (this.#pending !== attempt || this.#stopping.signal.aborted) return;
    const old = this.#current;
    this.#current = attempt;
    this.#pending = undefined;
    this.#events.switched(attempt);
    for (const bytes of this.#held.splice(0)) this.#events.data(bytes);
    if (old !== undefined) this.#leave(old);
  }

  /** The other side may hear a little later that there is a new path, and must not take the old one for dead. */
  #leave(old: Attempt): void {
    this.#leaving.add(old);
    setTimeout(() => {
      this.#leaving.delete(old);
      void old.close();
    }, LEAVE_MS).unref();
  }

  #attemptOptions(session: string, servers: PathServers, policy: IcePolicy): AttemptOptions {
    const isCurrent = (): boolean => this.#current?.session === session;
    return {
      ...this.#options,
      session,
      servers,
      policy,
      deadlineMs: isDirectSession(session, this.id) ? DIRECT_MS : ATTEMPT_MS,
      signal: this.#stopping.signal,
      events: {
        data: (bytes) => {
          if (isCurrent()) this.#events.data(bytes);
          else if (this.#pending?.session === session && this.#held.length < HELD_LIMIT) this.#held.push(bytes);
        },
        control: (bytes) => {
          if (isCurrent()) this.#events.control(bytes);
        },
        drain: () => {
          if (isCurrent()) this.#events.drain();
        },
        lost: () => {
          if (isCurrent()) this.#events.lost();
        },
      },
    };
  }

  #remember(session: string): void {
    this.#sessions.add(session);
    const [oldest] = this.#sessions;
    if (this.#sessions.size > SESSIONS_LIMIT && oldest !== undefined) this.#sessions.delete(oldest);
  }
}

function isDirectSession(session: string, id: string): boolean {
  return session.startsWith(`${id}.${DIRECT}`);
}
