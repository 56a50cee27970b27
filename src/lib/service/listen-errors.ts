import {createSocket} from 'node:dgram';
import {once} from 'node:events';
import {createServer, isIP, isIPv6} from 'node:net';

import {EXIT, QuiverError} from '../core/errors.ts';
import {describePortHolder} from '../observability/port-holder.ts';

/** A port that is to be listened on, and what moves it. */
export interface ListenPort {
  transport: 'tcp' | 'udp';
  host: string;
  port: number;
  /** Who listens there, where the flag doesn't say it: `the admin server`. */
  owner?: string;
  /** What to write for another port. @example (port) => `--port ${port}` */
  flag: (port: number) => string;
  /** @default '--host' */
  hostFlag?: string;
  /** What to set for another port where there is no such flag, as with `quiver run`. */
  variable?: string;
}

const PORT_LIMIT = 65_535;
/** Far enough from what else belongs to the same program. */
const NEXT_PORT = 10;
/** Moves a port that only root may open to where everybody may. */
const UNPRIVILEGED_OFFSET = 8_000;

/**
 * Says why a socket could not be opened, who has the port and what moves ours: PORT_IN_USE, PORT_NOT_ALLOWED,
 * HOST_NOT_HERE, BAD_HOST or NO_ADDRESS_FAMILY. Gives back what is no matter of listening.
 */
export async function explainListenError(error: unknown, at: ListenPort): Promise<unknown> {
  const {transport, host, port, owner, flag, hostFlag, variable} = at;
  const where = `${transport.toUpperCase()} port ${port}${owner === undefined ? '' : ` of ${owner}`} on ${host}`;
  const orSet = (to: number): string => (variable === undefined ? '' : ` (with \`quiver run\`: ${variable}=${to})`);
  switch (error instanceof Error && 'code' in error ? error.code : undefined) {
    case 'EADDRINUSE': {
      const next = port + NEXT_PORT > PORT_LIMIT ? port - NEXT_PORT : port + NEXT_PORT;
      return new QuiverError({
        code: 'PORT_IN_USE',
        message: `${where} is ${await describePortHolder(port, transport)}`,
        fix: `Take another port with ${flag(next)}, or any free one with ${flag(0)}${orSet(0)}`,
        cause: error,
      });
    }
    case 'EACCES': {
      const allowed = port + UNPRIVILEGED_OFFSET;
      return new QuiverError({
        code: 'PORT_NOT_ALLOWED',
        message: `This user may not open ${where}`,
        fix: `Take a port of 1024 or above with ${flag(allowed)}${orSet(allowed)}`,
        cause: error,
      });
    }
    case 'EADDRNOTAVAIL':
    case 'EINVAL':
    case 'ENOTFOUND':
      return badHost(host, hostFlag, error);
    case 'EAFNOSUPPORT':
      return new QuiverError({
        code: 'NO_ADDRESS_FAMILY',
        message: `This machine does not speak the protocol of ${host}`,
        fix: `Leave it out: ${hostFlag ?? '--host'} 0.0.0.0 listens on every IPv4 address`,
        cause: error,
      });
    default:
      return error;
  }
}

/** Throws BAD_HOST for what is no IP address. */
export function assertIpHost(host: string): void {
  if (isIP(host) === 0) throw badHost(host);
}

/** Opens a port once, alone, and closes it: throws what `explainListenError` gives. 0 is always free. */
export async function assertPortFree(at: ListenPort): Promise<void> {
  if (at.port === 0) return;
  try {
    await tryPort(at);
  } catch (error) {
    throw await explainListenError(error, at);
  }
}

/** The same for any port; rejects with the error of the system. */
export async function tryPort({transport, host, port}: Omit<ListenPort, 'flag'>): Promise<void> {
  const ipv6Only = isIPv6(host);
  if (transport === 'tcp') {
    const server = createServer().listen({host, port, ipv6Only, exclusive: true});
    await once(server, 'listening');
    server.close();
    await once(server, 'close');
    return;
  }
  const socket = createSocket({type: ipv6Only ? 'udp6' : 'udp4', ipv6Only});
  try {
    socket.bind({address: host, port, exclusive: true});
    await once(socket, 'listening');
  } finally {
    socket.close();
  }
}

function badHost(host: string, hostFlag = '--host', cause?: unknown): QuiverError {
  const isAddress = isIP(host) !== 0;
  return new QuiverError({
    code: isAddress ? 'HOST_NOT_HERE' : 'BAD_HOST',
    message: isAddress ? `${host} is not an address of this machine` : `"${host}" is not an IP address to listen on`,
    fix: `Give one of its own addresses with ${hostFlag}: 127.0.0.1 for this machine only, 0.0.0.0 for all of them`,
    exit: EXIT.usage,
    cause,
  });
}
