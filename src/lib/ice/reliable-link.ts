import {QuiverError} from '../core/errors.ts';

/** First byte of what goes over a path's reliable channel. */
const KIND = {resume: 0, frame: 1, ack: 2} as const;
/** Kind and a count of 48 bits. */
const COUNT_BYTES = 7;
/** The longest message that every implementation of data channels takes. */
export const FRAME_LIMIT_BYTES = 65_535;
/** What the other side has not acknowledged is kept, to be sent again over the next path; then senders wait. */
const UNACKNOWLEDGED_LIMIT_BYTES = 4 * 1024 * 1024;
/** Memory that a kept frame takes beside its bytes, so that many small ones count too. */
const FRAME_COST_BYTES = 128;
/** The other side learns how far we are at least so often. */
const ACK_EVERY_BYTES = 48 * 1024;

export interface LinkOutput {
  /** Over the path in use; there is none at times, and then it is called again after `attach`. */
  send(bytes: Uint8Array): boolean;
  roomBytes(): number;
  /** The other side has so many bytes more of what went over this path. */
  acknowledged?(bytes: number): void;
}

/**
 * A row of frames that outlives the path it goes over: numbered by count, kept until acknowledged, and after a change
 * of path sent again from where the other side stands. Knows no time and no socket.
 */
export class ReliableLink {
  readonly #deliver: (frame: Buffer) => void;
  readonly #room: () => void;
  #output: LinkOutput | undefined;
  /** Whether the other side has told where it stands on this path. */
  #resumed = false;
  #kept: Uint8Array[] = [];
  #keptBytes = 0;
  /** Number of the first kept frame. */
  #base = 0;
  /** How many of the kept ones went over this path. */
  #sent = 0;
  #received = 0;
  #unacknowledgedBytes = 0;

  /** @param room called when `blocked` has become false */
  constructor(deliver: (frame: Buffer) => void, room: () => void) {
    this.#deliver = deliver;
    this.#room = room;
  }

  /** Whether senders should wait. Frames are taken nonetheless: small ones of control must go. */
  get blocked(): boolean {
    return this.#keptBytes >= UNACKNOWLEDGED_LIMIT_BYTES;
  }

  get keptBytes(): number {
    return this.#keptBytes;
  }

  /** Goes on over another path; the other side must do so too. */
  attach(output: LinkOutput): void {
    this.#output = output;
    this.#resumed = false;
    this.#sent = 0;
    output.send(countMessage(KIND.resume, this.#received));
  }

  detach(): void {
    this.#output = undefined;
    this.#resumed = false;
  }

  /** `frame` is the caller's no longer. */
  send(frame: Uint8Array): void {
    const message = Buffer.allocUnsafe(frame.length + 1);
    message[0] = KIND.frame;
    message.set(frame, 1);
    if (message.length > FRAME_LIMIT_BYTES) throw new RangeError('A frame is too long');
    this.#kept.push(message);
    this.#keptBytes += message.length + FRAME_COST_BYTES;
    this.flush();
  }

  /** What the path has room for. */
  flush(): void {
    const output = this.#output;
    if (output === undefined || !this.#resumed) return;
    while (this.#sent < this.#kept.length) {
      const next = this.#kept[this.#sent];
      if (next === undefined || output.roomBytes() < next.length || !output.send(next)) return;
      this.#sent++;
    }
  }

  /** A message that came over the path in use. Throws `ICE_PROTOCOL` for what no honest peer sends. */
  receive(message: Buffer): void {
    const kind = message[0];
    if (kind === KIND.frame && this.#output !== undefined) {
      this.#received++;
      this.#unacknowledgedBytes += message.length + FRAME_COST_BYTES;
      if (this.#unacknowledgedBytes >= ACK_EVERY_BYTES) this.acknowledge();
      this.#deliver(message.subarray(1));
      return;
    }
    if (message.length !== COUNT_BYTES || (kind !== KIND.resume && kind !== KIND.ack)) throw protocolError('a message');
    this.#forget(message.readUIntBE(1, 6));
    if (kind === KIND.resume) {
      this.#resumed = true;
      this.#sent = 0;
    }
    this.flush();
  }

  /** Says how far we are, unless the other side knows; for a timer. */
  acknowledge(): void {
    if (this.#unacknowledgedBytes === 0 || this.#output === undefined) return;
    if (this.#output.send(countMessage(KIND.ack, this.#received))) this.#unacknowledgedBytes = 0;
  }

  #forget(count: number): void {
    const dropped = count - this.#base;
    if (dropped < 0 || dropped > this.#kept.length) throw protocolError('a count');
    if (dropped === 0) return;
    const wasBlocked = this.blocked;
    const overPath = Math.min(dropped, this.#sent);
    let bytes = 0;
    for (const [index, frame] of this.#kept.slice(0, dropped).entries()) {
      this.#keptBytes -= frame.length + FRAME_COST_BYTES;
      if (index < overPath) bytes += frame.length;
    }
    if (bytes > 0) this.#output?.acknowledged?.(bytes);
    this.#kept = this.#kept.slice(dropped);
    this.#base = count;
    this.#sent = Math.max(0, this.#sent - dropped);
    if (wasBlocked && !this.blocked) this.#room();
  }
}

/** Whether a message is one of those that are counted and acknowledged. */
export function isFrame(message: Uint8Array): boolean {
  return message[0] === KIND.frame;
}

export function protocolError(what: string): QuiverError {
  return new QuiverError({
    code: 'ICE_PROTOCOL',
    message: `The other side does not keep to the protocol: ${what} makes no sense`,
    fix: 'Bring both sides to the same version of quiver.',
  });
}

function countMessage(kind: number, count: number): Buffer {
  const message = Buffer.allocUnsafe(COUNT_BYTES);
  message[0] = kind;
  message.writeUIntBE(count, 1, 6);
  return message;
}
