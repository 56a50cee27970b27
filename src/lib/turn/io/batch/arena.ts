import type {Libc} from './libc.ts';
import {NativeBlock} from './layout.ts';

/** Before each received datagram: room for a header put in front of it without copying it. */
export const HEADROOM_BYTES = 64;
/** No UDP datagram is longer, so none is ever cut off. */
export const SLOT_BYTES = 65_536;
/** Not a power of two: slots that lie a power of two apart would share a few lines of the cache. */
const STRIDE_BYTES = SLOT_BYTES + HEADROOM_BYTES + 256;
/** Datagrams that can be in hand before what they led to must be sent; pages that nothing touched take no memory. */
export const SLOTS = 256;
/** What the core sends from its own memory is copied here: answers, and headers longer than the headroom. */
const SCRATCH_BYTES = 256 * 1_024;

/**
 * The memory that datagrams are received into and sent from. A payload that came in here goes out from here: `place`
 * finds the offset of bytes that a sender may be handed, without a copy where that is safe.
 */
export class Arena {
  readonly block: NativeBlock;
  readonly #memory: ArrayBuffer;
  readonly #headroomUsed = new Uint8Array(SLOTS);
  #scratchUsed = 0;

  constructor(libc: Libc) {
    this.block = new NativeBlock(SLOTS * STRIDE_BYTES + SCRATCH_BYTES, (array) => libc.addressOf(array));
    this.#memory = this.block.bytes.buffer;
  }

  /** Where the datagram of a slot begins. */
  slotAt(slot: number): number {
    return slot * STRIDE_BYTES + HEADROOM_BYTES;
  }

  datagram(slot: number, length: number): Uint8Array {
    this.#headroomUsed[slot] = 0;
    return new Uint8Array(this.#memory, this.slotAt(slot), length);
  }

  /** All that was placed is on its way: scratch space is free again. */
  reset(): void {
    this.#scratchUsed = 0;
  }

  /** The offset of `first` and `second` in one piece; −1 when there is no room before a `reset`. */
  place(first: Uint8Array, second: Uint8Array | undefined): number {
    const last = second ?? first;
    if (last.buffer === this.#memory) {
      if (second === undefined) return first.byteOffset;
      const ahead = this.#putAhead(first, second.byteOffset);
      if (ahead !== -1) return ahead;
    }
    const length = first.length + (second === undefined ? 0 : second.length);
    const at = SLOTS * STRIDE_BYTES + this.#scratchUsed;
    if (length > SCRATCH_BYTES - this.#scratchUsed) return -1;
    this.block.bytes.set(first, at);
    if (second !== undefined) this.block.bytes.set(second, at + first.length);
    this.#scratchUsed += (length + 7) & ~7;
    return at;
  }

  /** A header right before a received datagram: once for each, and only where it can't overwrite the datagram. */
  #putAhead(header: Uint8Array, offset: number): number {
    const slot = Math.floor(offset / STRIDE_BYTES);
    if (offset !== this.slotAt(slot) || header.length > HEADROOM_BYTES || this.#headroomUsed[slot] !== 0) return -1;
    this.#headroomUsed[slot] = 1;
    this.block.bytes.set(header, offset - header.length);
    return offset - header.length;
  }
}
