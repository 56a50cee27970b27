import type {Stream, StreamMessageEvent} from '@libp2p/interface';

import type {BacklogShare} from './backlog.ts';
import {LineReader} from './lines.ts';
import {MESSAGE_MAX_BYTES} from './protocol.ts';

/** How long a stream may take to hand over what is queued when we close it. */
const CLOSE_TIMEOUT_MS = 2_000;

export interface LineStreamHandlers {
  line(text: string): void;
  /** Once, whatever ended it; after that nothing comes. */
  closed(reason?: Error): void;
}

/**
 * Messages on a libp2p stream, one JSON text a line: JSON has no line ends of its own, so that the same text travels
 * here as over a WebSocket, and is read by the same parser.
 */
export class LineStream {
  readonly #stream: Stream;
  readonly #handlers: LineStreamHandlers;
  readonly #share: BacklogShare;
  readonly #reader = new LineReader(MESSAGE_MAX_BYTES);
  #queue: Uint8Array[] = [];
  #closed = false;

  constructor(stream: Stream, share: BacklogShare, handlers: LineStreamHandlers) {
    this.#stream = stream;
    this.#share = share;
    this.#handlers = handlers;
    stream.addEventListener('message', this.#onMessage);
    stream.addEventListener('drain', this.#onDrain);
    stream.addEventListener('close', this.#onClose);
    stream.addEventListener('remoteCloseWrite', this.#onRemoteClose);
    // It may have ended while the protocol was agreed on.
    if (stream.status !== 'open') queueMicrotask(() => this.#finish());
  }

  /** False, and nothing is sent, when the other side has too much unread. */
  send(text: string): boolean {
    if (this.#closed) return true;
    const bytes = Buffer.from(`${text}\n`);
    if (!this.#share.take(bytes.length)) return false;
    this.#queue.push(bytes);
    this.#flush();
    return true;
  }

  /** Sends what is queued, then ends the stream. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#flush();
    this.#finish();
    try {
      await this.#stream.close({signal: AbortSignal.timeout(CLOSE_TIMEOUT_MS)});
    } catch {
      this.#stream.abort(new Error('the stream did not close in time'));
    }
  }

  abort(reason: Error): void {
    if (this.#closed) return;
    // First, since the stream's own close event comes while it is aborted.
    this.#finish(reason);
    this.#stream.abort(reason);
  }

  #flush(): void {
    try {
      while (!this.#closed && !this.#stream.writableNeedsDrain) {
        const bytes = this.#queue.shift();
        if (bytes === undefined) return;
        this.#share.give(bytes.length);
        this.#stream.send(bytes);
      }
    } catch (error) {
      this.abort(error instanceof Error ? error : new Error('the stream could not be written'));
    }
  }

  readonly #onMessage = (event: StreamMessageEvent): void => {
    try {
      for (const line of this.#reader.push(event.data)) if (!this.#closed) this.#handlers.line(line);
    } catch (error) {
      this.abort(error instanceof Error ? error : new Error('a line could not be read'));
    }
  };

  readonly #onDrain = (): void => this.#flush();

  readonly #onClose = (): void => this.#finish();

  /** Both sides keep their end open for as long as they live. */
  readonly #onRemoteClose = (): void => {
    void this.close();
  };

  #finish(reason?: Error): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#queue = [];
    this.#share.give();
    this.#stream.removeEventListener('message', this.#onMessage);
    this.#stream.removeEventListener('drain', this.#onDrain);
    this.#stream.removeEventListener('close', this.#onClose);
    this.#stream.removeEventListener('remoteCloseWrite', this.#onRemoteClose);
    this.#handlers.closed(reason);
  }
}
