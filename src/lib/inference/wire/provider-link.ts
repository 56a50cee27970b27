import type {Open} from '../../records/gen/frames_pb.js';
import {MAX_OPEN_FRAME_BYTES} from '../limits.ts';
import {decode, encode} from './frames.ts';
import type {ProtocolViolation} from './framing.ts';
import {ProviderSession} from './provider-session.ts';
import {StreamLink} from './stream-link.ts';
import type {ByteStream} from './stream-link.ts';

/** What the answering side of one request can do. Calls after the request has ended are ignored. */
export interface AnswerSink {
  /** Aborted when the client cancels (`reason` 'cancelled') or is gone ('lost'). */
  readonly signal: AbortSignal;
  delta(text: string, tokens: number): void;
  receipt(receipt: Uint8Array): void;
  end(finish: string, receipt: Uint8Array): void;
  fail(failure: {code: string; message: string; retryAfterMs?: number; receipt?: Uint8Array}): void;
  /** True when text may be sent now. */
  writable(): boolean;
  /** Resolves once text may be sent, or the request was cancelled or lost. */
  whenWritable(): Promise<void>;
}

export interface ProviderLinkHandlers {
  request(open: Open, sink: AnswerSink): void;
  closed(violation: ProtocolViolation | undefined): void;
}

interface Answering {
  abort: AbortController;
  wake: (() => void) | undefined;
}

/** The provider's end of a client's stream. */
export class ProviderLink {
  readonly #session: ProviderSession;
  readonly #answering = new Map<number, Answering>();
  readonly #link: StreamLink;
  readonly #handlers: ProviderLinkHandlers;

  constructor(stream: ByteStream, maxInFlight: number, handlers: ProviderLinkHandlers) {
    this.#session = new ProviderSession({maxInFlight});
    this.#handlers = handlers;
    this.#link = new StreamLink(stream, MAX_OPEN_FRAME_BYTES, {
      message: (bytes) => this.#receive(bytes),
      outgoing: () => this.#session.take().map((frame) => encode(frame)),
      closed: (violation) => {
        for (const request of this.#session.lost()) this.#stop(request, 'lost');
        handlers.closed(violation);
      },
    });
  }

  async close(): Promise<void> {
    await this.#link.close();
  }

  #receive(bytes: Uint8Array): void {
    for (const action of this.#session.receive(decode(bytes))) {
      if (action.type === 'start') this.#start(action.request, action.open);
      else if (action.type === 'cancel') this.#stop(action.request, 'cancelled');
      else this.#wake(action.request);
    }
    this.#link.schedule();
  }

  #start(request: number, open: Open): void {
    const answering: Answering = {abort: new AbortController(), wake: undefined};
    this.#answering.set(request, answering);
    const send = (act: () => void): void => {
      act();
      this.#link.schedule();
    };
    const writable = (): boolean => this.#session.credit(request) > 0;
    this.#handlers.request(open, {
      signal: answering.abort.signal,
      delta: (text, tokens) => send(() => this.#session.delta(request, text, tokens)),
      receipt: (receipt) => send(() => this.#session.receipt(request, receipt)),
      end: (finish, receipt) => {
        this.#answering.delete(request);
        send(() => this.#session.end(request, finish, receipt));
      },
      fail: (failure) => {
        this.#answering.delete(request);
        send(() => this.#session.fail(request, failure));
      },
      writable,
      whenWritable: async () => {
        if (writable() || answering.abort.signal.aborted) return;
        await new Promise<void>((resolve) => {
          answering.wake = resolve;
        });
      },
    });
  }

  #stop(request: number, reason: 'cancelled' | 'lost'): void {
    const answering = this.#answering.get(request);
    answering?.abort.abort(reason);
    answering?.wake?.();
    if (reason === 'lost') this.#answering.delete(request);
  }

  #wake(request: number): void {
    const answering = this.#answering.get(request);
    if (this.#session.credit(request) > 0) answering?.wake?.();
  }
}
