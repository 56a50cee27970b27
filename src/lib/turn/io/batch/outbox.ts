import type {EngineCounters} from '../engine.ts';
import type {Arena} from './arena.ts';
import {EAGAIN, EINVAL, EIO, EMSGSIZE, type Libc, MSG_DONTWAIT, SOL_UDP, UDP_SEGMENT} from './libc.ts';
import {CMSG_U16, IOVEC, MMSGHDR, NativeBlock} from './layout.ts';

/** Datagrams that wait for one flush; well above the slots of the arena, far below what sendmmsg takes (1,024). */
const QUEUE = 512;
/** UDP_MAX_SEGMENTS of kernels before 6.9. */
const MAX_SEGMENTS = 64;
/** What fits into one IPv4 or IPv6 packet before it is cut, with room for headers. */
const MAX_SEGMENTED_BYTES = 65_000;
/** A longer segment doesn't fit into an Ethernet frame, and the kernel refuses to cut so (EINVAL). */
const MAX_SEGMENT_BYTES = 1_472;
const NAME_BYTES = 32;

const HEADERS_AT = 0;
const IOVS_AT = HEADERS_AT + QUEUE * MMSGHDR.size;
const NAMES_AT = IOVS_AT + QUEUE * IOVEC.size;
const CONTROLS_AT = NAMES_AT + QUEUE * NAME_BYTES;
const BLOCK_BYTES = CONTROLS_AT + QUEUE * CMSG_U16.space;

/** A socket that datagrams wait for: a list through the entries of the outbox. */
export interface Outlet {
  readonly fd: number;
  first: number;
  last: number;
}

/**
 * Collects what is to be sent, then sends it with one call for each socket. Runs of equally long datagrams to one
 * address leave as one, which the kernel or the network card cuts up (UDP_SEGMENT), when `segment` is set.
 */
export class Outbox {
  readonly #libc: Libc;
  readonly #arena: Arena;
  readonly #counters: EngineCounters;
  readonly #block: NativeBlock;
  readonly #next = new Int32Array(QUEUE);
  readonly #offsets = new Uint32Array(QUEUE);
  readonly #lengths = new Uint32Array(QUEUE);
  readonly #names: (Uint8Array | undefined)[] = Array.from({length: QUEUE});
  /** Of each header built: how many datagrams it stands for, and which is the first of them. */
  readonly #segments = new Uint16Array(QUEUE);
  readonly #firstIov = new Uint16Array(QUEUE);
  readonly #dirty: Outlet[] = [];
  #segment: boolean;
  #size = 0;

  constructor(libc: Libc, arena: Arena, counters: EngineCounters, segment: boolean) {
    this.#libc = libc;
    this.#arena = arena;
    this.#counters = counters;
    this.#segment = segment;
    this.#block = new NativeBlock(BLOCK_BYTES, (array) => libc.addressOf(array));
    const {address, u32} = this.#block;
    for (let i = 0; i < QUEUE; i += 1) {
      this.#block.put64(HEADERS_AT + i * MMSGHDR.size + MMSGHDR.name, address + NAMES_AT + i * NAME_BYTES);
      const control = CONTROLS_AT + i * CMSG_U16.space;
      this.#block.put64(control, CMSG_U16.length);
      u32[(control + CMSG_U16.level) >> 2] = SOL_UDP;
      u32[(control + CMSG_U16.type) >> 2] = UDP_SEGMENT;
    }
  }

  /** @param name where to: a socket address, the same array for the same address if datagrams are to be joined */
  add(outlet: Outlet, name: Uint8Array, first: Uint8Array, second: Uint8Array | undefined): void {
    const length = first.length + (second === undefined ? 0 : second.length);
    if (this.#size === QUEUE) this.flush();
    let offset = this.#arena.place(first, second);
    if (offset === -1) {
      this.flush();
      offset = this.#arena.place(first, second);
    }
    if (offset === -1) {
      this.#counters.sendErrors += 1; // longer than any datagram
      return;
    }
    const entry = this.#size;
    this.#size += 1;
    this.#offsets[entry] = offset;
    this.#lengths[entry] = length;
    this.#names[entry] = name;
    this.#next[entry] = -1;
    if (outlet.first === -1) {
      outlet.first = entry;
      this.#dirty.push(outlet);
    } else {
      this.#next[outlet.last] = entry;
    }
    outlet.last = entry;
  }

  /** Sends all there is. What the kernel doesn't take is dropped and counted. */
  flush(): void {
    for (const outlet of this.#dirty) {
      this.#send(outlet.fd, this.#build(outlet.first));
      outlet.first = outlet.last = -1;
    }
    this.#dirty.length = 0;
    this.#size = 0;
    this.#arena.reset();
  }

  /** Headers for a socket's datagrams, joined where they can be; how many. */
  #build(first: number): number {
    let headers = 0;
    let iovs = 0;
    for (let entry = first; entry !== -1;) {
      const name = this.#names[entry];
      const length = this.#lengths[entry] ?? 0;
      const iov = iovs;
      iovs = this.#addIov(iovs, entry);
      let total = length;
      let following = this.#next[entry] ?? -1;
      if (this.#segment && length > 0 && length <= MAX_SEGMENT_BYTES) {
        while (following !== -1 && this.#names[following] === name && iovs - iov < MAX_SEGMENTS) {
          const more = this.#lengths[following] ?? 0;
          if (more === 0 || more > length || total + more > MAX_SEGMENTED_BYTES) break;
          iovs = this.#addIov(iovs, following);
          total += more;
          following = this.#next[following] ?? -1;
          if (more < length) break; // only the last may be shorter
        }
      }
      if (name !== undefined) this.#header(headers, name, iov, iovs - iov, length);
      headers += 1;
      entry = following;
    }
    return headers;
  }

  #addIov(iov: number, entry: number): number {
    const at = IOVS_AT + iov * IOVEC.size;
    this.#block.put64(at + IOVEC.base, this.#arena.block.address + (this.#offsets[entry] ?? 0));
    this.#block.u32[(at + IOVEC.length) >> 2] = this.#lengths[entry] ?? 0;
    return iov + 1;
  }

  #header(i: number, name: Uint8Array, iov: number, segments: number, length: number): void {
    const {bytes, u16, u32, address} = this.#block;
    const header = HEADERS_AT + i * MMSGHDR.size;
    const control = CONTROLS_AT + i * CMSG_U16.space;
    this.#segments[i] = segments;
    this.#firstIov[i] = iov;
    bytes.set(name, NAMES_AT + i * NAME_BYTES);
    u32[(header + MMSGHDR.nameLength) >> 2] = name.length;
    this.#block.put64(header + MMSGHDR.iov, address + IOVS_AT + iov * IOVEC.size);
    u32[(header + MMSGHDR.iovLength) >> 2] = segments;
    if (segments > 1) {
      u16[(control + CMSG_U16.data) >> 1] = length;
      this.#block.put64(header + MMSGHDR.control, address + control);
      u32[(header + MMSGHDR.controlLength) >> 2] = CMSG_U16.space;
    } else {
      u32[(header + MMSGHDR.controlLength) >> 2] = 0;
    }
  }

  #send(fd: number, headers: number): void {
    for (let i = 0; i < headers;) {
      const sent = this.#libc.sendmmsg(fd, this.#headerAddress(i), headers - i, MSG_DONTWAIT);
      if (sent > 0) {
        i += sent;
        continue;
      }
      const reason = this.#libc.errno();
      if (reason === EAGAIN) {
        // The socket's buffer is full: for what is said live, dropping is better than waiting.
        for (; i < headers; i += 1) this.#counters.sendDropped += this.#segments[i] ?? 1;
        return;
      }
      if ((this.#segments[i] ?? 1) > 1 && [EINVAL, EIO, EMSGSIZE].includes(reason)) {
        // A way whose packets are smaller, or an old card that can't do checksums (EIO, for everything it sends).
        if (reason === EIO) this.#segment = false;
        this.#sendOneByOne(fd, i);
      } else {
        this.#counters.sendErrors += this.#segments[i] ?? 1;
      }
      i += 1;
    }
  }

  #sendOneByOne(fd: number, i: number): void {
    const header = HEADERS_AT + i * MMSGHDR.size;
    const iovsAt = this.#block.address + IOVS_AT + (this.#firstIov[i] ?? 0) * IOVEC.size;
    this.#block.u32[(header + MMSGHDR.controlLength) >> 2] = 0;
    this.#block.u32[(header + MMSGHDR.iovLength) >> 2] = 1;
    for (let segment = 0; segment < (this.#segments[i] ?? 0); segment += 1) {
      this.#block.put64(header + MMSGHDR.iov, iovsAt + segment * IOVEC.size);
      if (this.#libc.sendmmsg(fd, this.#headerAddress(i), 1, MSG_DONTWAIT) === 1) continue;
      if (this.#libc.errno() === EAGAIN) this.#counters.sendDropped += 1;
      else this.#counters.sendErrors += 1;
    }
  }

  #headerAddress(i: number): number {
    return this.#block.address + HEADERS_AT + i * MMSGHDR.size;
  }
}
