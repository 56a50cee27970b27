import {createSocket} from 'node:dgram';
import {once} from 'node:events';
import {BlockList, createServer, isIP, isIPv6} from 'node:net';

import {EXIT, QuiverError} from '../core/errors.ts';
import {describePortHolder} from '../observability/port-holder.ts';

/** Sockets of a node. A port left out or false is not opened, 0 takes any free one. */
export interface ListenOptions {
  /** IP address of the interface, `0.0.0.0` or `::` for all of them. */
  host: string;
  tcp?: number | false;
  /** UDP; can't be the port of `webrtcDirect`. */
  quic?: number | false;
  /** TCP; can't be the port of `tcp`. */
  ws?: number | false;
  /** UDP. */
  webrtcDirect?: number | false;
}

export type SocketName = Exclude<keyof ListenOptions, 'host'>;

interface SocketKind {
  transport: 'tcp' | 'udp';
  /** What follows the port in a multiaddr. */
  suffix: string;
  defaultPort: number;
  /** Command-line flag that moves the port. */
  flag: string;
}

export const SOCKETS: Readonly<Record<SocketName, SocketKind>> = {
  tcp: {transport: 'tcp', suffix: '', defaultPort: 4001, flag: '--port'},
  quic: {transport: 'udp', suffix: '/quic-v1', defaultPort: 4001, flag: '--quic-port'},
  ws: {transport: 'tcp', suffix: '/ws', defaultPort: 4002, flag: '--ws-port'},
  webrtcDirect: {transport: 'udp', suffix: '/webrtc-direct', defaultPort: 4003, flag: '--webrtc-port'},
};

export const SOCKET_NAMES = ['tcp', 'quic', 'ws', 'webrtcDirect'] as const satisfies readonly SocketName[];

/** The sockets that are asked for, with their ports. */
export function openedSockets(listen: ListenOptions): {name: SocketName; port: number}[] {
  return SOCKET_NAMES.flatMap((name) => {
    const port = listen[name];
    return port === undefined || port === false ? [] : [{name, port}];
  });
}

export function listenMultiaddrs(listen: ListenOptions): string[] {
  const host = `/${isIPv6(listen.host) ? 'ip6' : 'ip4'}/${listen.host}`;
  return openedSockets(listen).map(({name, port}) => {
    const {transport, suffix} = SOCKETS[name];
    return `${host}/${transport}/${port}${suffix}`;
  });
}

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/** Whether an IP address can be reached from this machine only. */
export function isLoopbackHost(host: string): boolean {
  return LOOPBACK.check(host, isIPv6(host) ? 'ipv6' : 'ipv4');
}

/**
 * Binds every fixed port once, since libp2p reports a taken one only inside a long text, and not for all transports.
 * Throws PORT_IN_USE, PORT_NOT_ALLOWED, BAD_HOST or HOST_NOT_HERE, naming the flag to change.
 */
export async function assertPortsFree(listen: ListenOptions): Promise<void> {
  if (isIP(listen.host) === 0) {
    throw new QuiverError({
      code: 'BAD_HOST',
      message: `"${listen.host}" is not an IP address to listen on`,
      fix: 'Use --host 127.0.0.1 for this machine only, or --host 0.0.0.0 for all interfaces',
      exit: EXIT.usage,
    });
  }
  for (const {name, port} of openedSockets(listen)) {
    if (port === 0) continue;
    try {
      await (SOCKETS[name].transport === 'tcp' ? tryTcp(listen.host, port) : tryUdp(listen.host, port));
    } catch (error) {
      throw await explain(error, name, port, listen.host);
    }
  }
}

async function tryTcp(host: string, port: number): Promise<void> {
  const server = createServer();
  server.listen({host, port, exclusive: true});
  await once(server, 'listening');
  server.close();
  await once(server, 'close');
}

async function tryUdp(host: string, port: number): Promise<void> {
  const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
  try {
    socket.bind({address: host, port, exclusive: true});
    await once(socket, 'listening');
  } finally {
    socket.close();
  }
}

async function explain(error: unknown, name: SocketName, port: number, host: string): Promise<unknown> {
  const {transport, flag} = SOCKETS[name];
  const where = `${transport.toUpperCase()} port ${port} on ${host}`;
  switch (error instanceof Error && 'code' in error ? error.code : undefined) {
    case 'EADDRINUSE':
      return new QuiverError({
        code: 'PORT_IN_USE',
        message: `${where} is ${await describePortHolder(port, transport)}`,
        fix: `Take another port with ${flag} ${port + 10}, or any free one with ${flag} 0`,
        cause: error,
      });
    case 'EACCES':
      return new QuiverError({
        code: 'PORT_NOT_ALLOWED',
        message: `this user may not open ${where}`,
        fix: `Take a port of 1024 or above with ${flag}`,
        cause: error,
      });
    case 'EADDRNOTAVAIL':
      return new QuiverError({
        code: 'HOST_NOT_HERE',
        message: `${host} is not an address of this machine`,
        fix: 'Give one of its own addresses with --host, or 0.0.0.0 for all of them',
        exit: EXIT.usage,
        cause: error,
      });
    default:
      return error;
  }
}
