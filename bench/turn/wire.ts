/** UDP sockets of the load: many datagrams a system call, all of them synchronous, IPv4 only. */
import {
  AF_INET,
  EPOLLIN,
  EPOLL_CTL_ADD,
  EPOLL_CTL_DEL,
  type Libc,
  MSG_DONTWAIT,
  O_CLOEXEC,
  openLibc,
  SOCK_DGRAM_NONBLOCK_CLOEXEC,
  SOL_SOCKET,
  SOL_UDP,
  SO_RCVBUF,
  SO_SNDBUF,
  UDP_SEGMENT,
} from '../../src/lib/turn/io/batch/libc.ts';
import {CMSG_U16, EPOLL_EVENT, IOVEC, MMSGHDR, NativeBlock, SOCKADDR_IN} from '../../src/lib/turn/io/batch/layout.ts';
import {type Address, ipv4} from './client.ts';

export const BATCH = 64;
const SLOT_BYTES = 2_048;
const BUFFER_BYTES = 4 * 1_024 * 1_024;
const RESEND_MS = 200;
const IP_PKTINFO = 8;
const PKTINFO_BYTES = 12;

export interface Socket {
  fd: number;
  address: Address;
}

/** The same datagram, ready to be sent up to BATCH times by one call. */
export interface Sender {
  /** Returns how many were taken. */
  send(count: number): number;
}

export function sockaddr({ip, port}: Address): Uint8Array {
  const bytes = Buffer.alloc(SOCKADDR_IN.size);
  bytes[0] = AF_INET;
  bytes.writeUInt16BE(port, SOCKADDR_IN.port);
  ipv4(ip).copy(bytes, SOCKADDR_IN.address);
  return bytes;
}

export class Wire {
  readonly libc: Libc;
  readonly #epoll: number;
  readonly #events: NativeBlock;
  readonly #headers: NativeBlock;
  readonly #slots: NativeBlock;
  /** Of the messages that `receive` took: where each lies is `slot(i)`, and how long it is. */
  readonly lengths = new Uint32Array(BATCH);

  static async open(): Promise<Wire> {
    return new Wire(await openLibc());
  }

  private constructor(libc: Libc) {
    this.libc = libc;
    this.#epoll = this.#check(libc.epollCreate(O_CLOEXEC), 'epoll_create1');
    this.#events = this.block(BATCH * 16);
    this.#headers = this.block(BATCH * (MMSGHDR.size + IOVEC.size));
    this.#slots = this.block(BATCH * SLOT_BYTES);
    for (let i = 0; i < BATCH; i += 1) {
      const iov = BATCH * MMSGHDR.size + i * IOVEC.size;
      this.#headers.put64(i * MMSGHDR.size + MMSGHDR.iov, this.#headers.address + iov);
      this.#headers.put64(i * MMSGHDR.size + MMSGHDR.iovLength, 1);
      this.#headers.put64(iov + IOVEC.base, this.#slots.address + i * SLOT_BYTES);
      this.#headers.put64(iov + IOVEC.length, SLOT_BYTES);
    }
  }

  block(size: number): NativeBlock {
    return new NativeBlock(Math.ceil(size / 8) * 8, (array) => this.libc.addressOf(array));
  }

  socket(ip: string, port = 0): Socket {
    const fd = this.#check(this.libc.socket(AF_INET, SOCK_DGRAM_NONBLOCK_CLOEXEC, 0), 'socket');
    for (const option of [SO_RCVBUF, SO_SNDBUF]) this.option(fd, SOL_SOCKET, option, BUFFER_BYTES);
    const bytes = sockaddr({ip, port});
    this.#check(this.libc.bind(fd, bytes, bytes.length), `bind ${ip}`);
    this.libc.getsockname(fd, bytes, Uint32Array.of(bytes.length));
    return {fd, address: {ip, port: Buffer.from(bytes).readUInt16BE(SOCKADDR_IN.port)}};
  }

  option(fd: number, level: number, name: number, value: number): void {
    this.#check(this.libc.setsockopt(fd, level, name, Int32Array.of(value), 4), `setsockopt ${name}`);
  }

  close(fd: number): void {
    this.libc.close(fd);
  }

  watch(fd: number, mark: number): void {
    const event = new Uint8Array(16);
    new DataView(event.buffer).setUint32(EPOLL_EVENT.events, EPOLLIN, true);
    new DataView(event.buffer).setUint32(EPOLL_EVENT.data, mark, true);
    this.#check(this.libc.epollControl(this.#epoll, EPOLL_CTL_ADD, fd, event), 'epoll_ctl');
  }

  unwatch(fd: number): void {
    this.libc.epollControl(this.#epoll, EPOLL_CTL_DEL, fd, new Uint8Array(16));
  }

  /** Blocks until a watched socket is readable or the time is over; the marks of those that are. */
  wait(timeoutMs: number): number[] {
    const count = this.libc.epollWait(this.#epoll, this.#events.address, BATCH, timeoutMs);
    const marks: number[] = [];
    for (let i = 0; i < count; i += 1)
      marks.push(this.#events.u32[(i * EPOLL_EVENT.size + EPOLL_EVENT.data) >> 2] ?? 0);
    return marks;
  }

  /** Takes at most BATCH datagrams that are there. */
  receive(fd: number): number {
    const count = this.libc.recvmmsg(fd, this.#headers.address, BATCH, MSG_DONTWAIT, 0);
    for (let i = 0; i < count; i += 1) {
      this.lengths[i] = this.#headers.u32[(i * MMSGHDR.size + MMSGHDR.length) >> 2] ?? 0;
    }
    return Math.max(0, count);
  }

  slot(i: number): Buffer {
    return Buffer.from(this.#slots.bytes.buffer, i * SLOT_BYTES, this.lengths[i]);
  }

  /** With `segmented`, a call hands the kernel one big datagram to cut into `count` (UDP_SEGMENT). */
  sender(fd: number, to: Address, payload: Uint8Array, segmented = false): Sender {
    const iovs = BATCH * MMSGHDR.size;
    const name = iovs + BATCH * IOVEC.size;
    const control = name + 16;
    const data = control + CMSG_U16.space;
    const block = this.block(data + payload.length);
    block.bytes.set(sockaddr(to), name);
    block.put64(control, CMSG_U16.length);
    block.u32[(control + CMSG_U16.level) >> 2] = SOL_UDP;
    block.u32[(control + CMSG_U16.type) >> 2] = UDP_SEGMENT;
    block.u16[(control + CMSG_U16.data) >> 1] = payload.length;
    block.bytes.set(payload, data);
    for (let i = 0; i < BATCH; i += 1) {
      const header = i * MMSGHDR.size;
      block.put64(header + MMSGHDR.name, block.address + name);
      block.u32[(header + MMSGHDR.nameLength) >> 2] = SOCKADDR_IN.size;
      block.put64(header + MMSGHDR.iov, block.address + iovs + i * IOVEC.size);
      block.put64(header + MMSGHDR.iovLength, 1);
      block.put64(iovs + i * IOVEC.size, block.address + data);
      block.put64(iovs + i * IOVEC.size + IOVEC.length, payload.length);
    }
    if (!segmented) return {send: (count) => Math.max(0, this.libc.sendmmsg(fd, block.address, count, MSG_DONTWAIT))};
    block.put64(MMSGHDR.control, block.address + control);
    block.put64(MMSGHDR.controlLength, CMSG_U16.space);
    return {
      send: (count) => {
        block.put64(MMSGHDR.iovLength, count);
        return this.libc.sendmmsg(fd, block.address, 1, MSG_DONTWAIT) === 1 ? count : 0;
      },
    };
  }

  /** Sends the same datagrams to one address from as many sources as there are; all must be addresses of this host. */
  sourced(fd: number, to: Address, payloads: readonly Uint8Array[]): (sources: readonly number[]) => number {
    const space = 16 + Math.ceil(PKTINFO_BYTES / 8) * 8;
    const longest = Math.max(...payloads.map(({length}) => length));
    const [iovs, controls] = [BATCH * MMSGHDR.size, BATCH * (MMSGHDR.size + IOVEC.size)];
    const name = controls + BATCH * space;
    const data = name + 16;
    const block = this.block(data + BATCH * longest);
    block.bytes.set(sockaddr(to), name);
    for (let i = 0; i < BATCH; i += 1) {
      const payload = payloads[i % payloads.length] ?? new Uint8Array();
      const [header, control] = [i * MMSGHDR.size, controls + i * space];
      block.put64(header + MMSGHDR.name, block.address + name);
      block.u32[(header + MMSGHDR.nameLength) >> 2] = SOCKADDR_IN.size;
      block.put64(header + MMSGHDR.iov, block.address + iovs + i * IOVEC.size);
      block.put64(header + MMSGHDR.iovLength, 1);
      block.put64(header + MMSGHDR.control, block.address + control);
      block.put64(header + MMSGHDR.controlLength, space);
      block.put64(control, 16 + PKTINFO_BYTES);
      block.u32[(control + 12) >> 2] = IP_PKTINFO;
      block.put64(iovs + i * IOVEC.size, block.address + data + i * longest);
      block.put64(iovs + i * IOVEC.size + IOVEC.length, payload.length);
      block.bytes.set(payload, data + i * longest);
    }
    return (sources) => {
      sources.forEach((source, i) => (block.u32[(controls + i * space + 20) >> 2] = swap32(source)));
      return Math.max(0, this.libc.sendmmsg(fd, block.address, sources.length, MSG_DONTWAIT));
    };
  }

  /** One request and its answer, sent again every 200 ms. */
  ask(fd: number, to: Address, request: Buffer, timeoutMs = 3_000): Buffer {
    const sender = this.sender(fd, to, request);
    const until = performance.now() + timeoutMs;
    this.watch(fd, 0);
    try {
      while (performance.now() < until) {
        sender.send(1);
        for (const again = performance.now() + RESEND_MS; performance.now() < again;) {
          this.wait(RESEND_MS);
          for (let i = this.receive(fd); i > 0; i -= 1) {
            const bytes = this.slot(i - 1);
            if (bytes.length >= 20 && bytes.compare(request, 8, 20, 8, 20) === 0) return Buffer.from(bytes);
          }
        }
      }
    } finally {
      this.unwatch(fd);
    }
    throw new Error(`no answer from ${to.ip}:${to.port} within ${timeoutMs} ms`);
  }

  #check(result: number, what: string): number {
    if (result < 0) throw new Error(`${what}: errno ${this.libc.errno()}`);
    return result;
  }
}

function swap32(value: number): number {
  return ((value << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24)) >>> 0;
}
