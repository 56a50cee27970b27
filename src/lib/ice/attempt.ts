import type {PrivateKey} from '@libp2p/interface';

import type {SignalMessage} from '../records/signal-message.ts';
import {openDescription, signDescription, type DescriptionContext} from './description-auth.ts';
import {iceFailed} from './errors.ts';
import {IcePath} from './path.ts';
import type {PathEvents, PathOptions} from './path-types.ts';

export interface AttemptOptions extends Omit<PathOptions, 'events'> {
  room: string;
  self: string;
  peer: string;
  key: PrivateKey;
  session: string;
  /** To the other side; in the order of the calls. */
  tell(message: SignalMessage): Promise<void>;
  events: Pick<PathEvents, 'data' | 'control' | 'drain' | 'lost'>;
  deadlineMs: number;
}

/** Early candidates of the other side that are kept until its description is here. */
const EARLY_LIMIT = 48;
/** Messages that got lost, because the other side was not there yet, are said again. */
const REPEAT_MS = 1_000;

/** One negotiation with one peer: a path, and what is told and heard about it over signalling. */
export class Attempt {
  readonly session: string;
  readonly offers: boolean;
  readonly startedMs = performance.now();
  readonly path: IcePath;
  /** Resolves when the path carries data; rejects when it will not. */
  readonly opened: Promise<void>;
  readonly #options: AttemptOptions;
  readonly #settle = Promise.withResolvers<void>();
  readonly #said: SignalMessage[] = [];
  readonly #early: string[] = [];
  readonly #deadline: NodeJS.Timeout;
  #repeat: NodeJS.Timeout | undefined;
  /** The other side's offer as it was signed, or our own. */
  #offer: string | undefined;
  #described = false;
  #isOpen = false;
  #repeatedMs = Number.NEGATIVE_INFINITY;
  #speaking: Promise<void> = Promise.resolve();

  private constructor(options: AttemptOptions, path: IcePath, offer: string | undefined) {
    this.session = options.session;
    this.offers = offer === undefined;
    this.path = path;
    this.#options = options;
    this.#offer = offer;
    this.opened = this.#settle.promise;
    this.opened.catch(() => undefined);
    this.#deadline = setTimeout(() => this.#fail('it took too long'), options.deadlineMs);
  }

  static async offer(options: AttemptOptions): Promise<Attempt> {
    const attempt = await Attempt.#create(options, undefined);
    attempt.path.offer();
    attempt.#repeat = setInterval(() => attempt.#sayAgain(), REPEAT_MS);
    return attempt;
  }

  /** Errors: ICE_DESCRIPTION_FORGED before anything else has happened. */
  static async answer(options: AttemptOptions, offer: string): Promise<Attempt> {
    const {peer, self, room, session} = options;
    const sdp = await openDescription(offer, {type: 'offer', room, from: peer, to: self, session});
    const attempt = await Attempt.#create(options, offer);
    try {
      attempt.path.answer(sdp);
    } catch (cause) {
      await attempt.close();
      throw iceFailed(peer, 'its offer makes no sense', cause);
    }
    attempt.#takeEarly();
    return attempt;
  }

  static async #create(options: AttemptOptions, offer: string | undefined): Promise<Attempt> {
    const holder: {attempt?: Attempt} = {};
    const told = (action: (attempt: Attempt) => void): void => {
      if (holder.attempt !== undefined) action(holder.attempt);
    };
    const {events} = options;
    const path = await IcePath.create({
      ...options,
      events: {
        ...events,
        description: (type, sdp) => told((attempt) => attempt.#describe(type, sdp)),
        candidate: (candidate, sdpMid) => told((attempt) => attempt.#say({type: 'ice-candidate', candidate, sdpMid})),
        gathered: () => told((attempt) => attempt.#say({type: 'ice-candidate', candidate: ''})),
        open: () => told((attempt) => attempt.#succeed()),
        lost: () => told((attempt) => attempt.#lost()),
      },
    });
    holder.attempt = new Attempt(options, path, offer);
    return holder.attempt;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** The other side's answer. Errors: ICE_DESCRIPTION_FORGED, ICE_FAILED. */
  async takeAnswer(answer: string): Promise<void> {
    const {peer, self, room, session} = this.#options;
    if (!this.offers || this.#described || this.#offer === undefined) return;
    const context: DescriptionContext = {type: 'answer', room, from: peer, to: self, session, offer: this.#offer};
    const sdp = await openDescription(answer, context);
    try {
      this.path.takeAnswer(sdp);
    } catch (cause) {
      throw iceFailed(peer, 'its answer makes no sense', cause);
    }
    clearInterval(this.#repeat);
    this.#takeEarly();
  }

  takeCandidate(line: string): void {
    if (this.#described) this.path.addCandidate(line);
    else if (this.#early.length < EARLY_LIMIT) this.#early.push(line);
  }

  /** The other side says its offer again: it has not heard us. */
  repeat(): void {
    const now = performance.now();
    if (this.offers || now - this.#repeatedMs < REPEAT_MS / 2) return;
    this.#repeatedMs = now;
    this.#sayAgain();
  }

  async close(): Promise<void> {
    clearTimeout(this.#deadline);
    clearInterval(this.#repeat);
    this.#settle.reject(iceFailed(this.#options.peer, 'it was given up'));
    await this.path.close();
  }

  #takeEarly(): void {
    this.#described = true;
    for (const line of this.#early.splice(0)) this.path.addCandidate(line);
  }

  /** Signing takes a moment; candidates wait for it, since they mean nothing before their description. */
  #describe(type: 'offer' | 'answer', sdp: string): void {
    const {peer, self, room, session, key} = this.#options;
    const offer = this.offers ? {} : {offer: this.#offer ?? ''};
    this.#speak(async () => {
      const signed = await signDescription(sdp, {type, room, from: self, to: peer, session, ...offer}, key);
      if (this.offers) this.#offer = signed;
      this.#said.unshift({type, sdp: signed, session});
      await this.#tell(this.#said[0]);
    });
  }

  #say(message: SignalMessage): void {
    const said = {...message, session: this.session};
    this.#said.push(said);
    this.#speak(() => this.#tell(said));
  }

  #sayAgain(): void {
    for (const message of this.#said) this.#speak(() => this.#tell(message));
  }

  /** One after the other. */
  #speak(action: () => Promise<void>): void {
    this.#speaking = this.#speaking.then(action, action);
  }

  async #tell(message: SignalMessage | undefined): Promise<void> {
    // Signalling finds its way back by itself, and what is lost is said again.
    if (message !== undefined) await this.#options.tell(message).catch(() => undefined);
  }

  #succeed(): void {
    this.#isOpen = true;
    clearTimeout(this.#deadline);
    clearInterval(this.#repeat);
    this.#settle.resolve();
  }

  #lost(): void {
    if (this.#isOpen) this.#options.events.lost();
    else this.#fail('no pair of addresses works');
  }

  #fail(reason: string): void {
    this.#settle.reject(iceFailed(this.#options.peer, reason));
  }
}
