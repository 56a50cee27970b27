import {MAX_FRAME_BYTES} from '../limits.ts';
import {ClientSession} from './client-session.ts';
import type {AddressedEvent, Deadlines, ExchangeEvent, OpenFields} from './client-session.ts';
import {EventQueue} from './event-queue.ts';
import {decode, encode} from './frames.ts';
import type {ProtocolViolation} from './framing.ts';
import {StreamLink} from './stream-link.ts';
import type {ByteStream} from './stream-link.ts';

/** One question on its way: its events until the last, and the means to stop it. */
export interface Exchange {
  /** Resolves to the next event; not to be called again after `end`, `failure`, `timeout` or `lost`. */
  next(): Promise<ExchangeEvent>;
  /** Idempotent; the last event still comes, within `CANCEL_GRACE_MS`. */
  cancel(): void;
}

/** The client's end of the one long-lived stream to a provider; any number of questions share it. */
export class ClientLink {
  readonly #session = new ClientSession();
  readonly #queues = new Map<number, EventQueue<ExchangeEvent>>();
  readonly #link: StreamLink;
  #closing = false;
  #timer: NodeJS.Timeout | undefined;
  #timerAt = Infinity;

  constructor(stream: ByteStream, onClosed: (violation: ProtocolViolation | undefined) => void) {
    this.#link = new StreamLink(stream, MAX_FRAME_BYTES, {
      message: (bytes) => {
        this.#deliver(this.#session.receive(decode(bytes), performance.now()));
        // The wait for a further token may be shorter than that for the first.
        this.#setTimer();
      },
      outgoing: () => this.#session.take().map((frame) => encode(frame)),
      closed: (violation) => {
        clearTimeout(this.#timer);
        this.#deliver(this.#session.lost());
        onClosed(violation);
      },
    });
  }

  get open(): boolean {
    return this.#link.open;
  }

  /** Questions that have not ended. */
  get inFlight(): number {
    return this.#session.inFlight;
  }

  ask(fields: OpenFields, deadlines: Deadlines): Exchange {
    const request = this.#session.open(fields, deadlines, performance.now());
    const queue = new EventQueue<ExchangeEvent>();
    if (!this.open) {
      queue.push({type: 'lost'});
      return {next: () => queue.next(), cancel: () => undefined};
    }
    this.#queues.set(request, queue);
    this.#link.schedule();
    this.#setTimer();
    return {
      next: async () => {
        const event = await queue.next();
        this.#session.consumed(request, event, performance.now());
        if (event.type === 'delta') this.#link.schedule();
        return event;
      },
      cancel: () => {
        this.#session.cancel(request, performance.now());
        this.#link.schedule();
        this.#setTimer();
      },
    };
  }

  async close(): Promise<void> {
    await this.#link.close();
  }

  /** Lets the questions on their way be answered first. */
  closeWhenIdle(): void {
    this.#closing = true;
    if (this.inFlight === 0) void this.close();
  }

  #deliver(events: readonly AddressedEvent[]): void {
    for (const {request, event} of events) {
      this.#queues.get(request)?.push(event);
      if (event.type !== 'delta' && event.type !== 'receipt') this.#queues.delete(request);
    }
    if (this.#closing && this.inFlight === 0) void this.close();
  }

  /** Moved to an earlier time only; when it fires too early it is set again. Tokens that arrive cost no timer work. */
  #setTimer(): void {
    const at = this.#session.nextDeadline();
    if (at === undefined || at >= this.#timerAt) return;
    clearTimeout(this.#timer);
    this.#timerAt = at;
    this.#timer = setTimeout(
      () => {
        this.#timerAt = Infinity;
        this.#deliver(this.#session.advance(performance.now()));
        this.#link.schedule();
        this.#setTimer();
      },
      Math.max(1, Math.ceil(at - performance.now())),
    ).unref();
  }
}
