import {createSocket} from 'node:dgram';
import {once} from 'node:events';
import {createServer, isIPv6, type AddressInfo} from 'node:net';

import {QuiverError} from '../../core/errors.ts';
import {describePortHolder} from '../../observability/port-holder.ts';
import type {CoturnOptions} from './coturn-options.ts';

/** Some TCP ports of UDP's free ones are in use; so many in a row never are. */
const ATTEMPTS = 16;

/** A port of a host that was free for UDP and TCP a moment ago, for programs that can't be given one already open. */
export async function freePort(host: string): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
    try {
      await once(socket.bind({address: host, port: 0, exclusive: true}), 'listening');
      const {port} = socket.address();
      if (await isFreeForTcp(host, port)) return port;
    } finally {
      socket.close();
    }
  }
  throw new QuiverError({
    code: 'NO_FREE_PORT',
    message: `No port of ${host} is free for both UDP and TCP`,
    fix: 'Name one yourself: --port 3478',
  });
}

/**
 * What coturn would not say: it shares a port with another coturn, and waits for an address to appear.
 * Errors: PORT_TAKEN, ADDRESS_NOT_HERE.
 */
export async function checkAddresses({listen, relay}: CoturnOptions): Promise<void> {
  const {hosts, port, tcp, tls} = listen;
  for (const host of [...hosts, ...relay.addresses.map(({address}) => address)]) {
    if ((await bindError(host, 0)) === 'EADDRNOTAVAIL') throw notHere(host);
  }
  for (const host of hosts) {
    if (port === 0) continue;
    if ((await bindError(host, port)) === 'EADDRINUSE') throw taken(port, await describePortHolder(port, 'udp'));
    if (tcp && !(await isFreeForTcp(host, port))) throw taken(port, await describePortHolder(port));
    if (tls !== undefined && !(await isFreeForTcp(host, tls.port))) {
      throw taken(tls.port, await describePortHolder(tls.port));
    }
  }
}

/** What the system says to a UDP socket there; what else than these is wrong, coturn says itself. */
async function bindError(host: string, port: number): Promise<string | undefined> {
  const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
  try {
    await once(socket.bind({address: host, port, exclusive: true}), 'listening');
    return undefined;
  } catch (error) {
    return codeOf(error);
  } finally {
    socket.close();
  }
}

async function isFreeForTcp(host: string, port: number): Promise<boolean> {
  const server = createServer();
  try {
    await once(server.listen({host, port, exclusive: true}), 'listening');
    return (server.address() as AddressInfo).port === port;
  } catch (error) {
    return codeOf(error) !== 'EADDRINUSE';
  } finally {
    server.close();
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}

function notHere(host: string): QuiverError {
  return new QuiverError({
    code: 'ADDRESS_NOT_HERE',
    message: `The TURN server is to use ${host}, and this machine has no such address`,
    fix: 'See which it has: ip address; what is outside of a NAT is its public address, not one to listen on',
  });
}

function taken(port: number, holder: string): QuiverError {
  return new QuiverError({
    code: 'PORT_TAKEN',
    message: `The TURN port ${port} is ${holder}`,
    fix: 'Stop that, or move ours: --port 3479 (with `quiver run`: QUIVER_TURN_PORT=3479)',
  });
}
