import {randomBytes} from 'node:crypto';

import {refusal} from './errors.ts';
import type {SignalLimits} from './limits.ts';
import type {ServerMessage} from './protocol.ts';
import {Session} from './session.ts';
import type {Face, ClientConnection} from './session.ts';

/** All sessions by their secret, within the limits on their number and on what waits for them. */
export class SessionBook {
  readonly #limits: SignalLimits;
  readonly #sessions = new Map<string, Session>();
  readonly #perSource = new Map<string, number>();
  #waitingBytes = 0;

  constructor(limits: SignalLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** Bytes kept for clients whose connection is lost. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  [Symbol.iterator](): Iterator<Session> {
    return this.#sessions.values();
  }

  get(secret: string): Session | undefined {
    return this.#sessions.get(secret);
  }

  /** Throws SIGNAL_FULL. */
  open(link: ClientConnection, source: string, face: Face, nowMs: number): Session {
    const {connections, connectionsPerSource} = this.#limits;
    const ofSource = this.#perSource.get(source) ?? 0;
    if (this.#sessions.size >= connections) throw refusal('SIGNAL_FULL');
    if (ofSource >= connectionsPerSource) throw refusal('SIGNAL_FULL', 'your address has as many as it may');
    const session = new Session({secret: randomBytes(24).toString('base64url'), source, face, link, nowMs});
    this.#sessions.set(session.secret, session);
    this.#perSource.set(source, ofSource + 1);
    return session;
  }

  /** False when it was gone already. */
  delete(session: Session): boolean {
    if (!this.#sessions.delete(session.secret)) return false;
    const ofSource = (this.#perSource.get(session.source) ?? 1) - 1;
    if (ofSource > 0) this.#perSource.set(session.source, ofSource);
    else this.#perSource.delete(session.source);
    this.takeWaiting(session);
    return true;
  }

  /** Keeps a message for a session without a connection; false when there is no room for it. */
  keep(session: Session, message: ServerMessage): boolean {
    const before = session.waitingBytes;
    if (this.#waitingBytes >= this.#limits.waitingBytesTotal || !session.keep(message, this.#limits)) return false;
    this.#waitingBytes += session.waitingBytes - before;
    return true;
  }

  takeWaiting(session: Session): readonly ServerMessage[] {
    this.#waitingBytes -= session.waitingBytes;
    return session.takeWaiting();
  }
}
