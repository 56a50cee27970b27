import {BlockList, isIPv6} from 'node:net';

import {assertIpHost, assertPortFree} from '../service/listen-errors.ts';

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
 * Throws PORT_IN_USE, PORT_NOT_ALLOWED, BAD_HOST, HOST_NOT_HERE or NO_ADDRESS_FAMILY, naming the flag to change.
 */
export async function assertPortsFree(listen: ListenOptions): Promise<void> {
  const {host} = listen;
  assertIpHost(host);
  for (const {name, port} of openedSockets(listen)) {
    const {transport, flag} = SOCKETS[name];
    await assertPortFree({transport, host, port, flag: (to) => `${flag} ${to}`});
  }
}
