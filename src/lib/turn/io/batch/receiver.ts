import {type Arena, SLOTS, SLOT_BYTES} from './arena.ts';
import {EAGAIN, type Libc, MSG_DONTWAIT, MSG_TRUNC} from './libc.ts';
import {IOVEC, MMSGHDR, NativeBlock, SOCKADDR_IN, SOCKADDR_IN6} from './layout.ts';
import {PORTS, type SourceKey} from './source-key.ts';

/** Room for an address of either family, each at a multiple of 8. */
const NAME_BYTES = 32;
const HEADERS_AT = 0;
const IOVS_AT = SLOTS * MMSGHDR.size;
const NAMES_AT = IOVS_AT + SLOTS * IOVEC.size;

/** Takes many datagrams of one socket by one call, into slots of the arena. One for each family. */
export class Receiver {
  readonly #libc: Libc;
  readonly #block: NativeBlock;
  readonly #nameLength: number;

  constructor(libc: Libc, arena: Arena, family: 4 | 6) {
    this.#libc = libc;
    this.#nameLength = family === 4 ? SOCKADDR_IN.size : SOCKADDR_IN6.size;
    this.#block = new NativeBlock(NAMES_AT + SLOTS * NAME_BYTES, (array) => libc.addressOf(array));
    const {address} = this.#block;
    for (let slot = 0; slot < SLOTS; slot += 1) {
      const header = HEADERS_AT + slot * MMSGHDR.size;
      const iov = IOVS_AT + slot * IOVEC.size;
      this.#block.put64(header + MMSGHDR.name, address + NAMES_AT + slot * NAME_BYTES);
      // The kernel writes the length of the family back, which is what stands here already.
      this.#block.u32[(header + MMSGHDR.nameLength) >> 2] = this.#nameLength;
      this.#block.put64(header + MMSGHDR.iov, address + iov);
      this.#block.put64(header + MMSGHDR.iovLength, 1);
      this.#block.put64(iov + IOVEC.base, arena.block.address + arena.slotAt(slot));
      this.#block.put64(iov + IOVEC.length, SLOT_BYTES);
    }
  }

  /** Fills at most `count` slots from `slot` on. Returns how many it filled, or −1 for an error other than "none there". */
  receive(fd: number, slot: number, count: number): number {
    if (slot < 0 || count < 0 || slot + count > SLOTS) throw new RangeError('no such slots');
    const at = this.#block.address + HEADERS_AT + slot * MMSGHDR.size;
    const taken = this.#libc.recvmmsg(fd, at, count, MSG_DONTWAIT, 0);
    return taken >= 0 ? Math.min(taken, count) : this.#libc.errno() === EAGAIN ? 0 : -1;
  }

  /** Of a filled slot; −1 when it can't be a whole datagram with an address. */
  length(slot: number): number {
    const u32 = this.#block.u32;
    const header = (HEADERS_AT + slot * MMSGHDR.size) >> 2;
    const length = u32[header + (MMSGHDR.length >> 2)] ?? 0;
    const flags = u32[header + (MMSGHDR.flags >> 2)] ?? 0;
    const named = u32[header + (MMSGHDR.nameLength >> 2)] === this.#nameLength;
    if (named && length <= SLOT_BYTES && (flags & MSG_TRUNC) === 0) return length;
    u32[header + (MMSGHDR.nameLength >> 2)] = this.#nameLength;
    return -1;
  }

  port(slot: number): number {
    const at = NAMES_AT + slot * NAME_BYTES + SOCKADDR_IN.port; // the same in both families
    return ((this.#block.bytes[at] ?? 0) << 8) | (this.#block.bytes[at + 1] ?? 0);
  }

  /** The address of the sender in network order, until the slot is filled again. */
  address(slot: number): Uint8Array {
    const v4 = this.#nameLength === SOCKADDR_IN.size;
    const at = NAMES_AT + slot * NAME_BYTES + (v4 ? SOCKADDR_IN.address : SOCKADDR_IN6.address);
    return new Uint8Array(this.#block.bytes.buffer, at, v4 ? 4 : 16);
  }

  /** The interface of a link-local address, else 0. */
  scope(slot: number): number {
    if (this.#nameLength === SOCKADDR_IN.size) return 0;
    return this.#block.u32[(NAMES_AT + slot * NAME_BYTES + SOCKADDR_IN6.scope) >> 2] ?? 0;
  }

  /** The same as `sourceKey` of address, port and scope. */
  key(slot: number): SourceKey {
    const {u32} = this.#block;
    const name = NAMES_AT + slot * NAME_BYTES;
    if (this.#nameLength === SOCKADDR_IN.size) {
      return (u32[(name + SOCKADDR_IN.address) >> 2] ?? 0) * PORTS + this.port(slot);
    }
    const at = (name + SOCKADDR_IN6.address) >> 2;
    return `${u32[at]},${u32[at + 1]},${u32[at + 2]},${u32[at + 3]},${this.port(slot)},${this.scope(slot)}`;
  }
}
