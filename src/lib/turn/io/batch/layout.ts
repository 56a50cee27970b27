import {AF_INET, AF_INET6} from './libc.ts';

/*
 * How the structures of recvmmsg(2), sendmmsg(2) and epoll_wait(2) lie in memory on 64-bit Linux (x64 and arm64 agree
 * but for epoll_event, which is packed on x64). Offsets in bytes.
 */
export const MMSGHDR = {
  size: 64,
  name: 0,
  nameLength: 8,
  iov: 16,
  iovLength: 24,
  control: 32,
  controlLength: 40,
  flags: 48,
  length: 56,
} as const;
export const IOVEC = {size: 16, base: 0, length: 8} as const;
export const SOCKADDR_IN = {size: 16, family: 0, port: 2, address: 4} as const;
export const SOCKADDR_IN6 = {size: 28, family: 0, port: 2, address: 8, scope: 24} as const;
/** A control message with one 16-bit value: CMSG_LEN(2) and CMSG_SPACE(2). */
export const CMSG_U16 = {length: 18, space: 24, level: 8, type: 12, data: 16} as const;
export const EPOLL_EVENT =
  process.arch === 'x64' ? ({size: 12, events: 0, data: 4} as const) : ({size: 16, events: 0, data: 8} as const);

/** Memory at a fixed address, bounds-checked from here because only arrays over it are ever used. */
export class NativeBlock {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly u16: Uint16Array;
  readonly u32: Uint32Array;
  readonly address: number;

  /** @param size in bytes, a multiple of 8 */
  constructor(size: number, addressOf: (array: Uint8Array) => number) {
    const memory = new ArrayBuffer(size);
    this.bytes = new Uint8Array(memory);
    this.u16 = new Uint16Array(memory);
    this.u32 = new Uint32Array(memory);
    this.address = addressOf(this.bytes);
  }

  /** Writes a 64-bit number below 2^53 (a pointer, a size_t) at a byte offset divisible by 4. */
  put64(offset: number, value: number): void {
    this.u32[offset >>> 2] = value >>> 0;
    this.u32[(offset >>> 2) + 1] = Math.floor(value / 0x1_0000_0000);
  }
}

/**
 * A socket address of either family, 16 bytes for IPv4 and 28 for IPv6.
 * @param scope the interface of a link-local address
 */
export function socketAddress(bytes: Uint8Array, port: number, scope = 0): Uint8Array {
  const v4 = bytes.length === 4;
  const layout = v4 ? SOCKADDR_IN : SOCKADDR_IN6;
  const out = new Uint8Array(layout.size);
  out[layout.family] = v4 ? AF_INET : AF_INET6;
  out[layout.port] = port >>> 8;
  out[layout.port + 1] = port & 0xff;
  out.set(bytes, layout.address);
  if (!v4) new DataView(out.buffer).setUint32(SOCKADDR_IN6.scope, scope, true);
  return out;
}
