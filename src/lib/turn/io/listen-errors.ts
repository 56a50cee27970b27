import {isIP} from 'node:net';

import {EXIT, QuiverError} from '../../core/errors.ts';
import {isWildcard} from '../../core/interface-addresses.ts';
import {assertIpHost, assertPortFree, explainListenError, tryPort} from '../../service/listen-errors.ts';
import type {ListenPort} from '../../service/listen-errors.ts';
import {ListenError} from './listen.ts';
import type {RelayAddress} from './relay-ports.ts';
import type {BoundAddress, RelayRange, ServerListen} from './server-options.ts';

const PORT_LIMIT = 65_535;

/** What can be said of the settings before anything is opened. Throws BAD_HOST, BAD_RELAY_PORTS, RELAY_ADDRESS. */
export async function checkAddresses(hosts: readonly string[], relay: RelayRange | undefined): Promise<void> {
  for (const host of hosts.length === 0 ? [''] : hosts) assertIpHost(host);
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
    if (isIP(text) === 0 || isWildcard(text)) {
      throw wrong(`${JSON.stringify(text)} is no address to relay from: clients are told it`);
    }
  }
  if (isIP(address) !== isIP(announced)) throw wrong(`${announced} is of another family than ${address}`);
  if (!(await canBind(address))) throw wrong(`${address}, to relay from, is not an address of this machine`);
}

/** Whether a UDP socket can be opened on an address at all. */
export async function canBind(address: string): Promise<boolean> {
  try {
    await tryPort({transport: 'udp', host: address, port: 0});
    return true;
  } catch {
    return false;
  }
}

/** Whose ports they are. */
type Scheme = 'stun' | 'turn';

/**
 * Sockets that share a port share it with other programs of this user too, and nobody would notice: so where workers
 * are to share, each port is first opened alone. Errors: those of `explainListenError`.
 */
export async function assertPortsFree(scheme: Scheme, listen: ServerListen): Promise<void> {
  const {hosts, port, tcp, tls, alternatePort} = listen;
  const assertFree = (at: BoundAddress): Promise<void> => assertPortFree(toPort(scheme, listen, at));
  for (const address of hosts) {
    for (const udpPort of [port, alternatePort ?? 0]) await assertFree({transport: 'udp', address, port: udpPort});
    if (tcp) await assertFree({transport: 'tcp', address, port});
    if (tls !== undefined) await assertFree({transport: 'tls', address, port: tls.port});
  }
}

/** What became of a listener in words for people; gives back what is no matter of listening. */
export async function explainListener(error: unknown, scheme: Scheme, listen: ServerListen): Promise<unknown> {
  if (!(error instanceof ListenError)) return error;
  if (error.code !== 'ENOTSUP') return explainListenError(error, toPort(scheme, listen, error.at));
  return new QuiverError({
    code: 'NO_REUSE_PORT',
    message: 'Several workers cannot share a port on this system',
    fix: 'Run one: --workers 1',
    cause: error,
  });
}

function toPort(scheme: Scheme, {alternatePort}: ServerListen, {transport, address, port}: BoundAddress): ListenPort {
  const name = transport === 'tls' ? 'tls-port' : port === alternatePort ? 'alternate-port' : 'port';
  return {
    transport: transport === 'udp' ? 'udp' : 'tcp',
    host: address,
    port,
    flag: (to) => `--${name} ${to}`,
    variable: `QUIVER_${scheme}_${name}`.toUpperCase().replace('-', '_'),
  };
}
