import type {Stream, StreamMessageEvent} from '@libp2p/interface';

import {MAX_STREAM_BACKLOG_BYTES} from '../limits.ts';
import {FrameReader, ProtocolViolation} from './framing.ts';

/** A message that was begun must be there in full within this, or the peer is holding our memory for nothing. */
const PARTIAL_MESSAGE_TIMEOUT_MS = 20_000;
/** How long a stream that we close may take to hand over what is queued. */
const CLOSE_TIMEOUT_MS = 2_000;

/** The part of a libp2p stream that is used here. */
export type ByteStream = Pick<
  Stream,
  | 'status'
  | 'send'
  | 'close'
  | 'abort'
  | 'writableNeedsDrain'
  | 'maxWriteBufferLength'
  | 'addEventListener'
  | 'removeEventListener'
>;

export interface StreamLinkHandlers {
  /** One complete message. A `ProtocolViolation` thrown here resets the stream. */
  message(bytes: Uint8Array): void;
  /** Asked when the stream can take more: encoded frames to send now. */
  outgoing(): Uint8Array[];
  /** Once, whatever ended the stream; `violation` when the peer broke the protocol. */
  closed(violation: ProtocolViolation | undefined): void;
}

/**
 * Binds messages to a libp2p stream. What is queued within one turn of the event loop leaves in one write, a stream
 * whose peer does not read is not written to, and no listener ever rejects.
 */
export class StreamLink {
  readonly #stream: ByteStream;
  readonly #handlers: StreamLinkHandlers;
  readonly #reader: FrameReader;
  #scheduled: NodeJS.Immediate | undefined;
  #partial: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(stream: ByteStream, maxMessageBytes: number, handlers: StreamLinkHandlers) {
    this.#stream = stream;
    this.#handlers = handlers;
    this.#reader = new FrameReader(maxMessageBytes);
    stream.maxWriteBufferLength = MAX_STREAM_BACKLOG_BYTES;
    stream.addEventListener('message', this.#onMessage);
    stream.addEventListener('drain', this.#onDrain);
    stream.addEventListener('close', this.#onClose);
    stream.addEventListener('remoteCloseWrite', this.#onRemoteClose);
    // It may have ended while the protocol was agreed on.
    if (stream.status !== 'open') queueMicrotask(() => this.#finish(undefined));
  }

  get open(): boolean {
    return !this.#closed;
  }

  /** Sends what `outgoing` has, at the end of this turn of the event loop. */
  schedule(): void {
    if (this.#closed) return;
    this.#scheduled ??= setImmediate(() => {
      this.#scheduled = undefined;
      this.#flush();
    });
  }

  /** Sends what is queued, then ends the stream. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#flush();
    try {
      await this.#stream.close({signal: AbortSignal.timeout(CLOSE_TIMEOUT_MS)});
    } catch {
      this.#stream.abort(new Error('the stream did not close in time'));
    }
    this.#finish(undefined);
  }

  abort(reason: Error): void {
    if (this.#closed) return;
    // First, since the stream's own close event comes while it is aborted.
    this.#finish(reason instanceof ProtocolViolation ? reason : undefined);
    this.#stream.abort(reason);
  }

  #flush(): void {
    // `drain` comes as soon as the peer reads again, and calls here.
    if (this.#closed || this.#stream.writableNeedsDrain) return;
    try {
      const frames = this.#handlers.outgoing();
      const [first] = frames;
      if (first === undefined) return;
      this.#stream.send(frames.length === 1 ? first : Buffer.concat(frames));
    } catch (error) {
      this.abort(error instanceof Error ? error : new Error('the stream could not be written'));
    }
  }

  readonly #onMessage = (event: StreamMessageEvent): void => {
    if (this.#closed) return;
    try {
      const messages = this.#reader.push(event.data);
      for (const message of messages) this.#handlers.message(message);
      this.#watchPartial(messages.length > 0);
    } catch (error) {
      this.abort(error instanceof Error ? error : new Error('a message could not be handled'));
    }
  };

  /** `completed`: the message that was begun is there, and what follows has its own time. */
  #watchPartial(completed: boolean): void {
    if (completed) {
      clearTimeout(this.#partial);
      this.#partial = undefined;
    }
    if (!this.#reader.partial || this.#closed) return;
    this.#partial ??= setTimeout(() => {
      this.abort(new ProtocolViolation('a message was begun and not finished'));
    }, PARTIAL_MESSAGE_TIMEOUT_MS).unref();
  }

  readonly #onDrain = (): void => this.#flush();

  readonly #onClose = (): void => this.#finish(undefined);

  /** A peer that has no more to say is gone for us: both sides keep their end open for as long as they live. */
  readonly #onRemoteClose = (): void => {
    void this.close();
  };

  #finish(violation: ProtocolViolation | undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#scheduled !== undefined) clearImmediate(this.#scheduled);
    clearTimeout(this.#partial);
    this.#stream.removeEventListener('message', this.#onMessage);
    this.#stream.removeEventListener('drain', this.#onDrain);
    this.#stream.removeEventListener('close', this.#onClose);
    this.#stream.removeEventListener('remoteCloseWrite', this.#onRemoteClose);
    this.#handlers.closed(violation);
  }
}
