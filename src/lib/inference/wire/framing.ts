import type {Uint8ArrayList} from 'uint8arraylist';

/** The other side broke the protocol: its stream is reset and the event is counted. */
export class ProtocolViolation extends Error {
  override readonly name = 'ProtocolViolation';
}

/** 2^28 is past every bound we set, so a longer prefix can only be an attack. */
const MAX_PREFIX_BYTES = 4;

/** Puts the length of a message before it, as unsigned LEB128. */
export function encodeFrame(message: Uint8Array): Uint8Array {
  const prefix: number[] = [];
  let rest = message.byteLength;
  while (rest > 0x7f) {
    prefix.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  prefix.push(rest);
  const frame = new Uint8Array(prefix.length + message.byteLength);
  frame.set(prefix);
  frame.set(message, prefix.length);
  return frame;
}

/**
 * Cuts a byte stream into messages. Holds at most one message of `maxBytes` and one chunk; throws
 * `ProtocolViolation` at a longer one as soon as its length is known, before any of it is kept.
 */
export class FrameReader {
  readonly #maxBytes: number;
  #held: Uint8Array[] = [];
  #heldBytes = 0;
  /** Bytes that must be there before it is worth looking again. */
  #wanted = 1;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** True while part of a message waits for the rest. */
  get partial(): boolean {
    return this.#heldBytes > 0;
  }

  /** Complete messages, in order; they may share memory with the chunk. */
  push(chunk: Uint8Array | Uint8ArrayList): Uint8Array[] {
    const bytes = chunk instanceof Uint8Array ? chunk : chunk.subarray();
    if (bytes.byteLength > 0) this.#held.push(bytes);
    this.#heldBytes += bytes.byteLength;
    if (this.#heldBytes < this.#wanted) return [];
    const all = this.#held.length === 1 ? bytes : Buffer.concat(this.#held, this.#heldBytes);
    const messages: Uint8Array[] = [];
    let offset = 0;
    this.#wanted = 1;
    while (offset < all.byteLength) {
      const prefix = readPrefix(all, offset, this.#maxBytes);
      if (prefix === undefined) {
        this.#wanted = all.byteLength - offset + 1;
        break;
      }
      const end = offset + prefix.size + prefix.length;
      if (end > all.byteLength) {
        this.#wanted = end - offset;
        break;
      }
      messages.push(all.subarray(offset + prefix.size, end));
      offset = end;
    }
    this.#heldBytes = all.byteLength - offset;
    this.#held = this.#heldBytes === 0 ? [] : [all.subarray(offset)];
    return messages;
  }
}

function readPrefix(bytes: Uint8Array, offset: number, maxBytes: number): {size: number; length: number} | undefined {
  let length = 0;
  for (let size = 1; size <= MAX_PREFIX_BYTES; size += 1) {
    const byte = bytes[offset + size - 1];
    if (byte === undefined) return undefined;
    length += (byte & 0x7f) << (7 * (size - 1));
    if (byte < 0x80) {
      if (length > maxBytes)
        throw new ProtocolViolation(`a message of ${length} bytes is over the bound of ${maxBytes}`);
      return {size, length};
    }
  }
  throw new ProtocolViolation('a length prefix is longer than 4 bytes');
}
