import type {MessageInitShape} from '@bufbuild/protobuf';

import type {Frame, OpenSchema} from '../../records/gen/frames_pb.js';
import {
  CANCEL_GRACE_MS,
  CREDIT_WINDOW_BYTES,
  FRAME_WEIGHT_BYTES,
  MAX_DELTA_TEXT_BYTES,
  MAX_UNREAD_BYTES,
} from '../limits.ts';
import {frame} from './frames.ts';
import {ProtocolViolation} from './framing.ts';

/** How long a client waits; all in ms. */
export interface Deadlines {
  firstTokenMs: number;
  tokenGapMs: number;
  totalMs: number;
}

export type TimeoutPhase = 'first-token' | 'token-gap' | 'total' | 'cancel';

/** What happened to one request. `end`, `failure`, `timeout` and `lost` are the last event of a request. */
export type ExchangeEvent =
  | {type: 'delta'; text: string; tokens: number; bytes: number}
  | {type: 'receipt'; receipt: Uint8Array}
  | {type: 'end'; finish: string; receipt: Uint8Array}
  | {type: 'failure'; code: string; message: string; retryAfterMs: number; receipt: Uint8Array}
  | {type: 'timeout'; phase: TimeoutPhase}
  | {type: 'lost'};

export interface AddressedEvent {
  request: number;
  event: ExchangeEvent;
}

export type OpenFields = Omit<MessageInitShape<typeof OpenSchema>, 'credit' | '$typeName' | '$unknown'>;

interface Waiting {
  deadlines: Deadlines;
  openedAt: number;
  lastAt: number;
  started: boolean;
  cancelledAt: number | undefined;
  /** Bytes that the provider may still send. */
  credit: number;
  /** Bytes read by our consumer and not yet granted again. */
  owed: number;
  /** Weight of the frames that our consumer has not read. */
  unread: number;
}

/**
 * The client's side of one inference stream, without any input or output: frames and time in, events out, and a queue
 * of frames to send. Times are ms of any monotonic clock.
 */
export class ClientSession {
  readonly #waiting = new Map<number, Waiting>();
  #queue: Frame[] = [];
  #lastRequest = 0;

  get inFlight(): number {
    return this.#waiting.size;
  }

  /** Queues the question and gives its request number. */
  open(fields: OpenFields, deadlines: Deadlines, now: number): number {
    const request = (this.#lastRequest += 1);
    const credit = CREDIT_WINDOW_BYTES;
    this.#waiting.set(request, {
      deadlines,
      openedAt: now,
      lastAt: now,
      started: false,
      cancelledAt: undefined,
      credit,
      owed: 0,
      unread: 0,
    });
    this.#queue.push(frame(request, {case: 'open', value: {...fields, credit}}));
    return request;
  }

  /** Asks the provider to stop. What it has made still arrives, with its receipt, within `CANCEL_GRACE_MS`. */
  cancel(request: number, now: number): void {
    const waiting = this.#waiting.get(request);
    if (waiting === undefined || waiting.cancelledAt !== undefined) return;
    waiting.cancelledAt = now;
    this.#queue.push(frame(request, {case: 'cancel', value: {}}));
  }

  /** The consumer has read an event: lets the provider send as much text again once half a window is owed. */
  consumed(request: number, event: ExchangeEvent, now: number): void {
    const waiting = this.#waiting.get(request);
    if (waiting === undefined) return;
    waiting.unread -= weightOf(event);
    if (event.type !== 'delta') return;
    waiting.owed += event.bytes;
    if (waiting.owed < CREDIT_WINDOW_BYTES / 2) return;
    if (waiting.credit <= 0) waiting.lastAt = now;
    waiting.credit += waiting.owed;
    this.#queue.push(frame(request, {case: 'credit', value: {bytes: waiting.owed}}));
    waiting.owed = 0;
  }

  /** Throws `ProtocolViolation` when the provider sends what a provider never sends. */
  receive({request, body}: Frame, now: number): AddressedEvent[] {
    if (request === 0 || request > this.#lastRequest) throw new ProtocolViolation('a frame for a request never opened');
    const waiting = this.#waiting.get(request);
    switch (body.case) {
      case 'delta': {
        return waiting === undefined ? [] : [{request, event: unread(waiting, delta(waiting, body.value, now))}];
      }
      case 'receipt': {
        const {receipt} = body.value;
        return waiting === undefined ? [] : [{request, event: unread(waiting, {type: 'receipt', receipt})}];
      }
      case 'end': {
        const {finish, receipt} = body.value;
        return this.#waiting.delete(request) ? [{request, event: {type: 'end', finish, receipt}}] : [];
      }
      case 'failure': {
        const {code, message, retryAfterMs, receipt} = body.value;
        const event = {type: 'failure', code, message, retryAfterMs, receipt} as const;
        return this.#waiting.delete(request) ? [{request, event}] : [];
      }
      default: {
        throw new ProtocolViolation(`a provider may not send ${body.case ?? 'an empty frame'}`);
      }
    }
  }

  /** Requests whose time is up; each is cancelled at the provider and forgotten here. */
  advance(now: number): AddressedEvent[] {
    const events: AddressedEvent[] = [];
    for (const [request, waiting] of this.#waiting) {
      const due = dueAt(waiting);
      if (now < due.at) continue;
      this.cancel(request, now);
      this.#waiting.delete(request);
      events.push({request, event: {type: 'timeout', phase: due.phase}});
    }
    return events;
  }

  /** When `advance` has something to do next, or undefined. */
  nextDeadline(): number | undefined {
    let next: number | undefined;
    for (const waiting of this.#waiting.values()) {
      const {at} = dueAt(waiting);
      if (next === undefined || at < next) next = at;
    }
    return next;
  }

  /** Takes what is to be sent, oldest first. */
  take(): Frame[] {
    const taken = this.#queue;
    this.#queue = [];
    return taken;
  }

  /** The stream is gone. */
  lost(): AddressedEvent[] {
    const events = [...this.#waiting.keys()].map((request) => ({request, event: {type: 'lost'} as const}));
    this.#waiting.clear();
    this.#queue = [];
    return events;
  }
}

function delta(waiting: Waiting, {text, tokens}: {text: string; tokens: number}, now: number): ExchangeEvent {
  const bytes = Buffer.byteLength(text);
  // The piece that uses up the credit may be longer than the rest of it; the next one may not come at all.
  if (waiting.credit <= 0 || bytes > MAX_DELTA_TEXT_BYTES) {
    throw new ProtocolViolation('the provider sends more than its credit');
  }
  if (bytes === 0 && tokens === 0) throw new ProtocolViolation('the provider sends pieces with nothing in them');
  waiting.credit -= bytes;
  waiting.started = true;
  waiting.lastAt = now;
  return {type: 'delta', text, tokens, bytes};
}

/** An event that waits to be read; so many of them that nobody would send are an attack on our memory. */
function unread(waiting: Waiting, event: ExchangeEvent): ExchangeEvent {
  waiting.unread += weightOf(event);
  if (waiting.unread > MAX_UNREAD_BYTES) throw new ProtocolViolation('the provider sends more than anybody can read');
  return event;
}

function weightOf(event: ExchangeEvent): number {
  const bytes = event.type === 'delta' ? event.bytes : event.type === 'receipt' ? event.receipt.byteLength : 0;
  return bytes + FRAME_WEIGHT_BYTES;
}

interface Due {
  at: number;
  phase: TimeoutPhase;
}

function dueAt(waiting: Waiting): Due {
  const {deadlines, openedAt, lastAt, started, cancelledAt, credit} = waiting;
  if (cancelledAt !== undefined) return {at: cancelledAt + CANCEL_GRACE_MS, phase: 'cancel'};
  const total: Due = {at: openedAt + deadlines.totalMs, phase: 'total'};
  if (!started) return earlier({at: openedAt + deadlines.firstTokenMs, phase: 'first-token'}, total);
  // With the window full it is our own reader that keeps the provider waiting.
  return credit <= 0 ? total : earlier({at: lastAt + deadlines.tokenGapMs, phase: 'token-gap'}, total);
}

function earlier(one: Due, other: Due): Due {
  return one.at <= other.at ? one : other;
}
