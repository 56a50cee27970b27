import {HEADER_BYTES, MAGIC_COOKIE, padded} from './message.ts';

/** The first byte is below 0x40 for a STUN message, 0x40 to 0x4F for ChannelData; others are reserved (RFC 8656 section 12). */
const FIRST_CHANNEL_DATA = 0x40;
const FIRST_RESERVED = 0x50;
const CHANNEL_DATA_HEADER_BYTES = 4;
/** The most that a frame can be: 64 KiB of attributes or data, and its header. */
const MAX_FRAME_BYTES = HEADER_BYTES + 0xffff;

export interface FrameReaderOptions {
  /**
   * The longest frame that is taken; a longer one breaks the stream as soon as its header is there.
   * @default 65555, which is any
   */
  maxFrameBytes?: number;
}

/**
 * Splits a TCP or TLS stream into STUN messages and ChannelData without padding (RFC 8489 section 6.2.2, RFC 8656
 * section 12.5), of which the first is a message. Keeps at most one unfinished frame, in memory no larger than what has come or the frame needs.
 */
export class FrameReader {
  readonly #maxFrameBytes: number;
  #pending: Buffer = Buffer.alloc(0);
  #length = 0;
  #broken = false;
  /** No channel is bound before a message has come; so what looks like ChannelData at first may be "GET /". */
  #started = false;

  constructor(options: FrameReaderOptions = {}) {
    this.#maxFrameBytes = options.maxFrameBytes ?? MAX_FRAME_BYTES;
  }

  /** Bytes of an unfinished frame: where it stays above zero for long, somebody is slow on purpose. */
  get pendingBytes(): number {
    return this.#length;
  }

  /**
   * Takes what came and gives each whole frame to `onFrame`, whose bytes are valid only during the call.
   * False when the stream is not STUN or a frame too long: nothing after that can be read, so close it.
   */
  push(chunk: Uint8Array, onFrame: (frame: Uint8Array) => void): boolean {
    let rest = chunk;
    while (rest.length > 0 && !this.#broken) {
      if (this.#length === 0) {
        const taken = this.#direct(rest, onFrame);
        if (taken > 0) {
          rest = rest.subarray(taken);
          continue;
        }
        if (this.#broken) break;
      }
      rest = this.#collect(rest, onFrame);
    }
    if (this.#broken) this.#drop();
    return !this.#broken;
  }

  /** A frame that lies whole in the chunk is given without a copy. */
  #direct(bytes: Uint8Array, onFrame: (frame: Uint8Array) => void): number {
    const wire = this.#wireBytes(bytes, bytes.length);
    if (wire === undefined || wire > bytes.length) return 0;
    this.#started = true;
    onFrame(bytes.subarray(0, frameBytes(bytes)));
    return wire;
  }

  /** Adds to the unfinished frame what it lacks, and gives it on when it is whole. */
  #collect(bytes: Uint8Array, onFrame: (frame: Uint8Array) => void): Uint8Array {
    const wanted =
      this.#wireBytes(this.#pending, this.#length) ?? headerBytes(this.#length > 0 ? this.#pending : bytes);
    const taken = Math.min(bytes.length, wanted - this.#length);
    this.#reserve(this.#length + taken, wanted);
    this.#pending.set(bytes.subarray(0, taken), this.#length);
    this.#length += taken;
    const wire = this.#wireBytes(this.#pending, this.#length);
    if (wire !== undefined && this.#length >= wire) {
      const frame = this.#pending.subarray(0, frameBytes(this.#pending));
      this.#drop();
      this.#started = true;
      onFrame(frame);
    }
    return bytes.subarray(taken);
  }

  /** How many bytes the frame at the start takes on the stream; undefined while its header isn't whole. */
  #wireBytes(bytes: Uint8Array, length: number): number | undefined {
    if (length === 0) return undefined;
    const first = bytes[0] ?? 0;
    if (first >= (this.#started ? FIRST_RESERVED : FIRST_CHANNEL_DATA)) return this.#break();
    if (length < headerBytes(bytes)) return undefined;
    const size = frameBytes(bytes);
    if (first < FIRST_CHANNEL_DATA && (readCookie(bytes) !== MAGIC_COOKIE || (size & 3) !== 0)) return this.#break();
    if (size > this.#maxFrameBytes) return this.#break();
    return padded(size);
  }

  #break(): undefined {
    this.#broken = true;
    return undefined;
  }

  #drop(): void {
    this.#pending = Buffer.alloc(0);
    this.#length = 0;
  }

  /** Memory follows what came, doubling, so that a header alone does not reserve 64 KiB. */
  #reserve(needed: number, wanted: number): void {
    if (needed <= this.#pending.length) return;
    const wider = Buffer.allocUnsafe(Math.max(needed, Math.min(wanted, this.#pending.length * 2)));
    wider.set(this.#pending.subarray(0, this.#length));
    this.#pending = wider;
  }
}

function headerBytes(bytes: Uint8Array): number {
  return (bytes[0] ?? 0) < FIRST_CHANNEL_DATA ? HEADER_BYTES : CHANNEL_DATA_HEADER_BYTES;
}

function frameBytes(bytes: Uint8Array): number {
  return headerBytes(bytes) + (((bytes[2] ?? 0) << 8) | (bytes[3] ?? 0));
}

function readCookie(bytes: Uint8Array): number {
  return (((bytes[4] ?? 0) << 24) | ((bytes[5] ?? 0) << 16) | ((bytes[6] ?? 0) << 8) | (bytes[7] ?? 0)) >>> 0;
}
