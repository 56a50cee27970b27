import type {Uint8ArrayList} from 'uint8arraylist';

import {fromUtf8} from '../core/bytes.ts';

const NEWLINE = 0x0a;

/**
 * Cuts a byte stream into lines of UTF-8. Holds at most one line of `maxBytes` and one chunk; throws a RangeError at a
 * longer line, and at bytes that are not UTF-8.
 */
export class LineReader {
  readonly #maxBytes: number;
  #held: Uint8Array[] = [];
  #heldBytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Complete lines, in order, without their ends. */
  push(chunk: Uint8Array | Uint8ArrayList): string[] {
    const bytes = chunk instanceof Uint8Array ? chunk : chunk.subarray();
    const lines: string[] = [];
    let start = 0;
    for (let end = bytes.indexOf(NEWLINE); end !== -1; end = bytes.indexOf(NEWLINE, start)) {
      this.#hold(bytes.subarray(start, end));
      lines.push(this.#take());
      start = end + 1;
    }
    // Copied: a short rest would keep the whole chunk it came in.
    if (start < bytes.length) this.#hold(bytes.slice(start));
    return lines;
  }

  #hold(part: Uint8Array): void {
    this.#heldBytes += part.length;
    if (this.#heldBytes > this.#maxBytes) throw new RangeError(`a line has more than ${this.#maxBytes} bytes`);
    this.#held.push(part);
  }

  #take(): string {
    const [first] = this.#held;
    const line = first !== undefined && this.#held.length === 1 ? first : Buffer.concat(this.#held);
    this.#held = [];
    this.#heldBytes = 0;
    const text = fromUtf8(line);
    if (text === undefined) throw new RangeError('a line is not UTF-8');
    return text;
  }
}
