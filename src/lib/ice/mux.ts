import {fromUtf8, utf8} from '../core/bytes.ts';
import {ReliableLink, protocolError} from './reliable-link.ts';
import {IceStream, STREAM_WINDOW_BYTES, streamReset, type StreamCarrier} from './stream.ts';

/** First byte of a frame; the stream's number, 32 bits, follows. */
const FRAME = {open: 0, data: 1, credit: 2, end: 3, reset: 4} as const;
const HEADER_BYTES = 5;
const OPEN_LIMIT_BYTES = 4_096;
const REASON_LIMIT_BYTES = 512;
/** With 2 MiB of window each: what a peer can make us keep is 128 MiB. */
const STREAMS_LIMIT = 64;

/** Many streams over one link. */
export class Mux implements StreamCarrier {
  readonly link: ReliableLink;
  readonly #streams = new Map<number, IceStream>();
  readonly #onStream: (stream: IceStream) => void;
  #nextId: number;
  #waiting: {promise: Promise<void>; resolve: () => void} | undefined;
  #error: Error | undefined;

  /** @param first who has made the connection opens odd streams, the other even ones */
  constructor(first: boolean, onStream: (stream: IceStream) => void) {
    this.#nextId = first ? 1 : 2;
    this.#onStream = onStream;
    this.link = new ReliableLink(
      (frame) => this.#receive(frame),
      () => this.#release(),
    );
  }

  /** Opens a stream; `header` is JSON that says what it is for. */
  open(header: unknown): IceStream {
    if (this.#error !== undefined) throw this.#error;
    if (this.#streams.size >= STREAMS_LIMIT) throw streamReset(`there are ${STREAMS_LIMIT} already`);
    const id = this.#nextId;
    this.#nextId += 2;
    const stream = new IceStream(id, header, this);
    this.#streams.set(id, stream);
    this.#send(FRAME.open, id, utf8(JSON.stringify(header)));
    return stream;
  }

  /** Ends every stream with this error. */
  fail(error: Error): void {
    if (this.#error !== undefined) return;
    this.#error = error;
    this.link.detach();
    for (const stream of this.#streams.values()) stream.fail(error);
    this.#streams.clear();
    this.#release();
  }

  data(id: number, bytes: Uint8Array): void {
    this.#send(FRAME.data, id, bytes);
  }

  credit(id: number, bytes: number): void {
    const payload = Buffer.allocUnsafe(4);
    payload.writeUInt32BE(bytes);
    this.#send(FRAME.credit, id, payload);
  }

  finish(id: number): void {
    this.#send(FRAME.end, id);
  }

  reset(id: number, reason: string): void {
    this.#send(FRAME.reset, id, utf8(reason).subarray(0, REASON_LIMIT_BYTES));
  }

  ready(): Promise<void> | undefined {
    if (this.#error !== undefined) throw this.#error;
    if (!this.link.blocked) return undefined;
    this.#waiting ??= Promise.withResolvers<void>();
    return this.#waiting.promise;
  }

  done(id: number): void {
    this.#streams.delete(id);
  }

  #send(kind: number, id: number, payload: Uint8Array = new Uint8Array()): void {
    if (this.#error !== undefined) return;
    const frame = Buffer.allocUnsafe(HEADER_BYTES + payload.length);
    frame[0] = kind;
    frame.writeUInt32BE(id, 1);
    frame.set(payload, HEADER_BYTES);
    this.link.send(frame);
  }

  #receive(frame: Buffer): void {
    if (frame.length < HEADER_BYTES) throw protocolError('a frame');
    const kind = frame[0];
    const id = frame.readUInt32BE(1);
    const payload = frame.subarray(HEADER_BYTES);
    if (kind === FRAME.open) {
      this.#accept(id, payload);
      return;
    }
    // A stream that was given up here may have frames on their way.
    const stream = this.#streams.get(id);
    if (kind === FRAME.data) {
      if (stream?.receive(payload) === false) throw protocolError('more than the window');
    } else if (kind === FRAME.credit) {
      if (payload.length !== 4 || payload.readUInt32BE() > STREAM_WINDOW_BYTES) throw protocolError('a credit');
      stream?.receiveCredit(payload.readUInt32BE());
    } else if (kind === FRAME.end) {
      stream?.receiveEnd();
    } else if (kind === FRAME.reset) {
      stream?.fail(streamReset(readable(payload)));
    } else {
      throw protocolError('a frame');
    }
  }

  #accept(id: number, payload: Buffer): void {
    const own = id % 2 === this.#nextId % 2;
    if (own || this.#streams.has(id) || payload.length > OPEN_LIMIT_BYTES) throw protocolError('a new stream');
    if (this.#streams.size >= STREAMS_LIMIT) {
      this.reset(id, `there are ${STREAMS_LIMIT} streams already`);
      return;
    }
    const stream = new IceStream(id, parseHeader(payload), this);
    this.#streams.set(id, stream);
    this.#onStream(stream);
  }

  #release(): void {
    this.#waiting?.resolve();
    this.#waiting = undefined;
  }
}

function parseHeader(payload: Buffer): unknown {
  try {
    return JSON.parse(fromUtf8(payload) ?? '');
  } catch {
    throw protocolError('a new stream');
  }
}

/** What the other side says goes to a terminal: one line without control characters. */
function readable(payload: Buffer): string {
  const text = payload.subarray(0, REASON_LIMIT_BYTES).toString();
  return text.replaceAll(/\p{Cc}+/gu, ' ');
}
