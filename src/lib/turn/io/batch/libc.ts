import {closeSync, openSync} from 'node:fs';

/**
 * The calls of libc that a batch of datagrams needs; each returns what the C function returns, −1 on failure with the
 * reason in `errno()`. `at` is an address in memory of a `NativeBlock`, so that a hot call converts nothing.
 */
export interface Libc {
  socket(family: number, type: number, protocol: number): number;
  bind(fd: number, address: Uint8Array, length: number): number;
  getsockname(fd: number, address: Uint8Array, length: Uint32Array): number;
  setsockopt(fd: number, level: number, name: number, value: Int32Array, length: number): number;
  /** Makes `target` another name of `fd`, closing what it was. */
  dup3(fd: number, target: number, flags: number): number;
  close(fd: number): number;
  epollCreate(flags: number): number;
  epollControl(epoll: number, operation: number, fd: number, event: Uint8Array): number;
  epollWait(epoll: number, eventsAt: number, count: number, timeoutMs: number): number;
  recvmmsg(fd: number, headersAt: number, count: number, flags: number, timeoutAt: number): number;
  sendmmsg(fd: number, headersAt: number, count: number, flags: number): number;
  /** The reason of the last call's failure; to be asked before any other call. */
  errno(): number;
  /** Where the bytes of an array lie; they never move while something refers to the array. */
  addressOf(array: Uint8Array): number;
}

export const AF_INET = 2;
export const AF_INET6 = 10;
export const SOCK_DGRAM_NONBLOCK_CLOEXEC = 2 | 0o4_000 | 0o2_000_000;
export const SOL_SOCKET = 1;
export const SO_REUSEADDR = 2;
export const SO_SNDBUF = 7;
export const SO_RCVBUF = 8;
export const SO_REUSEPORT = 15;
export const IPPROTO_IPV6 = 41;
export const IPV6_V6ONLY = 26;
export const SOL_UDP = 17;
export const UDP_SEGMENT = 103;
export const O_CLOEXEC = 0o2_000_000;
export const EPOLL_CTL_ADD = 1;
export const EPOLL_CTL_DEL = 2;
export const EPOLLIN = 1;
export const MSG_TRUNC = 0x20;
export const MSG_DONTWAIT = 0x40;

export const EIO = 5;
export const EAGAIN = 11;
export const EINVAL = 22;
export const EMSGSIZE = 90;

/**
 * Moves a descriptor to a number that Node knows of, so that it is closed with the worker thread however that ends.
 * To be closed by `closeSync`.
 */
export function adopt(libc: Libc, fd: number): number {
  try {
    const known = openSync('/dev/null', 'r');
    if (libc.dup3(fd, known, O_CLOEXEC) >= 0) return known;
    const errno = libc.errno();
    closeSync(known);
    throw new Error(`dup3 fails with errno ${errno}`);
  } finally {
    libc.close(fd);
  }
}

/** Opens libc through koffi. Throws an error that names the reason where that can't be: platform, package, symbol. */
export async function openLibc(): Promise<Libc> {
  // The layouts in layout.ts are those of 64-bit little-endian Linux; no other has been tried.
  if (process.platform !== 'linux' || !['x64', 'arm64'].includes(process.arch)) {
    throw new Error(`batched sockets need Linux on x64 or arm64, this is ${process.platform} on ${process.arch}`);
  }
  // An optional dependency with a native part: looked for only when somebody asks for this engine.
  const {default: koffi} = await import('koffi');
  const library = koffi.load(null);
  return {
    socket: library.func('int socket(int, int, int)'),
    bind: library.func('int bind(int, void *, uint32_t)'),
    getsockname: library.func('int getsockname(int, void *, void *)'),
    setsockopt: library.func('int setsockopt(int, int, int, void *, uint32_t)'),
    dup3: library.func('int dup3(int, int, int)'),
    close: library.func('int close(int)'),
    epollCreate: library.func('int epoll_create1(int)'),
    epollControl: library.func('int epoll_ctl(int, int, int, void *)'),
    epollWait: library.func('int epoll_wait(int, uintptr_t, int, int)'),
    recvmmsg: library.func('int recvmmsg(int, uintptr_t, unsigned int, int, uintptr_t)'),
    sendmmsg: library.func('int sendmmsg(int, uintptr_t, unsigned int, int)'),
    errno: () => koffi.errno(),
    addressOf: (array) => Number(koffi.address(array)),
  };
}
