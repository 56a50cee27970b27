import {once} from 'node:events';
import {createServer, isIP, isIPv6} from 'node:net';

import {EXIT, QuiverError} from '../../core/errors.ts';
import {describePortHolder} from '../../observability/port-holder.ts';
import {bindSocket, closeSocket} from './dgram/bind.ts';
import type {RelayAddress} from './relay-ports.ts';
import type {BoundAddress, RelayRange, ServerListen} from './server-options.ts';
import {WorkerListenError} from './workers/worker-handle.ts';

const PORT_LIMIT = 65_535;
const WILDCARDS: ReadonlySet<string> = new Set(['0.0.0.0', '::']);

/** What can be said of the settings before anything is opened. Throws BAD_HOST, BAD_RELAY_PORTS, RELAY_ADDRESS. */
export async function checkAddresses(hosts: readonly string[], relay: RelayRange | undefined): Promise<void> {
  for (const host of hosts) {
    if (isIP(host) === 0) throw badHost(host);
  }
  if (hosts.length === 0) throw badHost('');
  if (relay === undefined) return;
  const [first, last] = relay.ports;
  if (!(Number.isInteger(first) && Number.isInteger(last) && first >= 1 && first <= last && last <= PORT_LIMIT)) {
    throw new QuiverError({
      code: 'BAD_RELAY_PORTS',
      message: `${first}-${last} is not a range of ports`,
      fix: 'Give the first and the last port, for example --relay-ports 49152-65535',
      exit: EXIT.usage,
    });
  }
  for (const each of relay.addresses) await checkRelayAddress(each);
}

async function checkRelayAddress({address, announced = address}: RelayAddress): Promise<void> {
  const wrong = (message: string): QuiverError =>
    new QuiverError({
      code: 'RELAY_ADDRESS',
      message,
      fix: 'Name an address of this machine with --relay-ip, behind a NAT with the public one: --relay-ip 10.0.0.5=203.0.113.5',
      exit: EXIT.usage,
    });
  for (const text of [address, announced]) {
    if (isIP(text) === 0 || WILDCARDS.has(text)) {
      throw wrong(`${JSON.stringify(text)} is no address to relay from: clients are told it`);
    }
  }
  if (isIP(address) !== isIP(announced)) throw wrong(`${announced} is of another family than ${address}`);
  if (!(await canBind(address))) throw wrong(`${address}, to relay from, is not an address of this machine`);
}

/** Whether a UDP socket can be opened on an address at all. */
export async function canBind(address: string): Promise<boolean> {
  try {
    await tryUdp(address, 0);
    return true;
  } catch {
    return false;
  }
}

/**
 * Sockets that share a port share it with other programs of this user too, and nobody would notice: so where workers
 * are to share, each port is first opened alone. Rejects with what `explainListenError` understands.
 */
export async function assertPortsFree({hosts, port, tcp, tls, alternatePort}: ServerListen): Promise<void> {
  for (const host of hosts) {
    for (const udpPort of [port, alternatePort ?? 0]) await tryPort({transport: 'udp', address: host, port: udpPort});
    if (tcp) await tryPort({transport: 'tcp', address: host, port});
    if (tls !== undefined) await tryPort({transport: 'tls', address: host, port: tls.port});
  }
}

async function tryPort(at: BoundAddress): Promise<void> {
  const {transport, address, port} = at;
  if (port === 0) return;
  try {
    if (transport === 'udp') {
      await tryUdp(address, port);
      return;
    }
    const server = createServer().listen({host: address, port, ipv6Only: true, exclusive: true});
    await once(server, 'listening');
    server.close();
    await once(server, 'close');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    throw new WorkerListenError({at, code, message: error instanceof Error ? error.message : String(error)});
  }
}

async function tryUdp(address: string, port: number): Promise<void> {
  const family = isIPv6(address) ? 6 : 4;
  await closeSocket(await bindSocket({family, address, port, reusePort: false, bufferBytes: 0}));
}

/** Says who has the port and what moves ours; gives back what is no matter of listening. */
export async function explainListenError(error: unknown): Promise<unknown> {
  if (!(error instanceof WorkerListenError)) return error;
  const {at, code} = error.failure;
  const protocol = at.transport === 'udp' ? 'udp' : 'tcp';
  const flag = at.transport === 'tls' ? '--tls-port' : '--port';
  const where = `${protocol.toUpperCase()} port ${at.port} on ${at.address}`;
  switch (code) {
    case 'EADDRINUSE':
      return new QuiverError({
        code: 'PORT_IN_USE',
        message: `${where} is ${await describePortHolder(at.port, protocol)}`,
        fix: `Take another port with ${flag} ${at.port + 10}, or any free one with ${flag} 0`,
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
    case 'EINVAL':
      return badHost(at.address, error);
    case 'EAFNOSUPPORT':
      return new QuiverError({
        code: 'NO_ADDRESS_FAMILY',
        message: `this machine does not speak the protocol of ${at.address}`,
        fix: 'Leave it out: --host 0.0.0.0 listens on every IPv4 address',
        cause: error,
      });
    case 'ENOTSUP':
      return new QuiverError({
        code: 'NO_REUSE_PORT',
        message: 'several workers cannot share a port on this system',
        fix: 'Run one: --workers 1',
        cause: error,
      });
    default:
      return error;
  }
}

function badHost(host: string, cause?: unknown): QuiverError {
  const isAddress = isIP(host) !== 0;
  return new QuiverError({
    code: isAddress ? 'HOST_NOT_HERE' : 'BAD_HOST',
    message: isAddress ? `${host} is not an address of this machine` : `"${host}" is not an IP address to listen on`,
    fix: 'Give one of its own addresses with --host, or 0.0.0.0 for all of them',
    exit: EXIT.usage,
    cause,
  });
}
