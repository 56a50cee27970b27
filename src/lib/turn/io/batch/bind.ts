import {createSocket, type Socket} from 'node:dgram';
import {networkInterfaces} from 'node:os';
import {getSystemErrorName} from 'node:util';

import {parseIp} from '../../../core/ip-address.ts';
import type {BindOptions} from '../engine.ts';
import {
  AF_INET,
  AF_INET6,
  IPPROTO_IPV6,
  IPV6_V6ONLY,
  type Libc,
  SO_RCVBUF,
  SO_REUSEADDR,
  SO_REUSEPORT,
  SO_SNDBUF,
  SOCK_DGRAM_NONBLOCK_CLOEXEC,
  SOL_SOCKET,
} from './libc.ts';
import {socketAddress, SOCKADDR_IN} from './layout.ts';

export interface BoundSocket {
  fd: number;
  port: number;
  /** Node's own socket over the same descriptor, which wakes the event loop, and closes the descriptor. */
  node: Socket;
}

/** A bound UDP socket; throws the error of the system as Node would. */
export function bindSocket(libc: Libc, options: BindOptions & {reusePort: boolean; bufferBytes: number}): BoundSocket {
  const {family, port, reusePort, bufferBytes} = options;
  const [address = '', zone] = options.address.split('%');
  const parsed = parseIp(address);
  if (parsed?.family !== family) throw new TypeError(`"${options.address}" is not an IPv${family} address`);
  const name = socketAddress(parsed.bytes, port, scopeOf(zone));
  const check = (result: number, call: string): number => {
    if (result >= 0) return result;
    const code = getSystemErrorName(-libc.errno());
    throw Object.assign(new Error(`${call} ${code} ${options.address}:${port}`), {code, syscall: call, address, port});
  };
  const fd = check(libc.socket(family === 4 ? AF_INET : AF_INET6, SOCK_DGRAM_NONBLOCK_CLOEXEC, 0), 'socket');
  try {
    const set = (level: number, option: number, value: number): void => {
      check(libc.setsockopt(fd, level, option, Int32Array.of(value), Int32Array.BYTES_PER_ELEMENT), 'setsockopt');
    };
    if (family === 6) set(IPPROTO_IPV6, IPV6_V6ONLY, 1);
    if (reusePort) set(SOL_SOCKET, SO_REUSEPORT, 1);
    if (bufferBytes > 0) {
      set(SOL_SOCKET, SO_RCVBUF, bufferBytes);
      set(SOL_SOCKET, SO_SNDBUF, bufferBytes);
    }
    check(libc.bind(fd, name, name.length), 'bind');
    check(libc.getsockname(fd, name, Uint32Array.of(name.length)), 'getsockname');
    const node = createSocket({type: family === 4 ? 'udp4' : 'udp6', ipv6Only: family === 6});
    node.bind({fd});
    // Node has set it, with which another program could take the port over. The descriptor is Node's now.
    libc.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, Int32Array.of(0), Int32Array.BYTES_PER_ELEMENT);
    return {fd, port: Buffer.from(name.buffer).readUInt16BE(SOCKADDR_IN.port), node};
  } catch (error) {
    libc.close(fd);
    throw error;
  }
}

/** Resolves when the descriptor is closed. */
export function closeSocket({node}: BoundSocket): Promise<void> {
  const {promise, resolve} = Promise.withResolvers<void>();
  node.close(() => resolve());
  return promise;
}

/** The number of an interface that an address is of (`fe80::1%eth0`, `fe80::1%2`), else 0. */
export function scopeOf(zone: string | undefined): number {
  if (zone === undefined) return 0;
  const named = networkInterfaces()[zone]?.find(({scopeid}) => scopeid !== undefined && scopeid !== 0);
  return named?.scopeid ?? Number(zone) >>> 0;
}
