import type {Frame, Open} from '../../records/gen/frames_pb.js';
import {MAX_CREDIT_BYTES, MAX_DELTA_TEXT_BYTES, MAX_IN_FLIGHT_PER_PEER, MAX_WAITING_FRAMES} from '../limits.ts';
import {frame} from './frames.ts';
import {ProtocolViolation} from './framing.ts';

/** What the provider has to do after a frame from the client. */
export type ProviderAction =
  | {type: 'start'; request: number; open: Open}
  | {type: 'cancel'; request: number}
  | {type: 'credit'; request: number};

interface Running {
  /** Bytes that may still be sent; below zero after a piece that was longer than the rest. */
  credit: number;
  /** The last queued frame of this request while it is a delta: the next piece joins it. */
  tail: {text: string; tokens: number; bytes: number} | undefined;
}

/**
 * The provider's side of one inference stream, without any input or output: frames in, actions out, and a queue of
 * frames to send. Pieces of one answer that are queued together leave as one frame.
 */
export class ProviderSession {
  readonly #maxInFlight: number;
  readonly #running = new Map<number, Running>();
  #queue: Frame[] = [];
  #lastRequest = 0;

  constructor({maxInFlight = MAX_IN_FLIGHT_PER_PEER}: {maxInFlight?: number} = {}) {
    this.#maxInFlight = maxInFlight;
  }

  get inFlight(): number {
    return this.#running.size;
  }

  /** Throws `ProtocolViolation` when the client sends what a client never sends. */
  receive({request, body}: Frame): ProviderAction[] {
    switch (body.case) {
      case 'open': {
        return this.#open(request, body.value);
      }
      case 'cancel': {
        return this.#running.has(request) ? [{type: 'cancel', request}] : this.#late(request);
      }
      case 'credit': {
        return this.#credit(request, body.value.bytes);
      }
      default: {
        throw new ProtocolViolation(`a client may not send ${body.case ?? 'an empty frame'}`);
      }
    }
  }

  #open(request: number, open: Open): ProviderAction[] {
    if (request <= this.#lastRequest) throw new ProtocolViolation('a request number was used before');
    this.#lastRequest = request;
    if (this.#queue.length > MAX_WAITING_FRAMES) throw new ProtocolViolation('a client asks on and does not read');
    if (this.#running.size >= this.#maxInFlight) {
      const message = `this peer already has ${this.#maxInFlight} requests in flight`;
      const failure = {code: 'TOO_MANY_REQUESTS', message, retryAfterMs: 1_000};
      this.#queue.push(frame(request, {case: 'failure', value: failure}));
      return [];
    }
    this.#running.set(request, {credit: Math.min(open.credit, MAX_CREDIT_BYTES), tail: undefined});
    return [{type: 'start', request, open}];
  }

  #credit(request: number, bytes: number): ProviderAction[] {
    const running = this.#running.get(request);
    if (running === undefined) return this.#late(request);
    running.credit += bytes;
    if (running.credit > MAX_CREDIT_BYTES) throw new ProtocolViolation('more credit than the largest window');
    return [{type: 'credit', request}];
  }

  /** A cancel or credit that crossed our last frame on the way is normal; one for the future is not. */
  #late(request: number): ProviderAction[] {
    if (request === 0 || request > this.#lastRequest) throw new ProtocolViolation('a frame for a request never opened');
    return [];
  }

  /** Bytes of text that this request may still send; nothing may be sent at 0 or less. */
  credit(request: number): number {
    return this.#running.get(request)?.credit ?? 0;
  }

  /** Queues a piece of at most `MAX_DELTA_TEXT_BYTES`; ignored once the request has ended. */
  delta(request: number, text: string, tokens: number): void {
    const running = this.#running.get(request);
    if (running === undefined) return;
    const bytes = Buffer.byteLength(text);
    running.credit -= bytes;
    const {tail} = running;
    if (tail !== undefined && tail.bytes + bytes <= MAX_DELTA_TEXT_BYTES) {
      tail.text += text;
      tail.tokens += tokens;
      tail.bytes += bytes;
      return;
    }
    const added = frame(request, {case: 'delta', value: {text, tokens}});
    if (added.body.case === 'delta') running.tail = Object.assign(added.body.value, {bytes});
    this.#queue.push(added);
  }

  receipt(request: number, receipt: Uint8Array): void {
    const running = this.#running.get(request);
    if (running === undefined) return;
    running.tail = undefined;
    this.#queue.push(frame(request, {case: 'receipt', value: {receipt}}));
  }

  end(request: number, finish: string, receipt: Uint8Array): void {
    if (this.#running.delete(request)) this.#queue.push(frame(request, {case: 'end', value: {finish, receipt}}));
  }

  fail(request: number, failure: {code: string; message: string; retryAfterMs?: number; receipt?: Uint8Array}): void {
    if (this.#running.delete(request)) this.#queue.push(frame(request, {case: 'failure', value: failure}));
  }

  /** Takes what is to be sent, oldest first. */
  take(): Frame[] {
    const taken = this.#queue;
    this.#queue = [];
    for (const running of this.#running.values()) running.tail = undefined;
    return taken;
  }

  /** The stream is gone: the requests that have to be stopped. */
  lost(): number[] {
    const requests = [...this.#running.keys()];
    this.#running.clear();
    this.#queue = [];
    return requests;
  }
}
