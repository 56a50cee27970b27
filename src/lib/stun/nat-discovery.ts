import type {StunServer} from './client.ts';
import {resolveServer} from './client.ts';
import type {Endpoint} from './endpoint.ts';
import {createEndpoint} from './endpoint.ts';
import {hairpins} from './hairpin.ts';
import type {ChangeRequest} from './binding-exchange.ts';
import {UdpClient} from './udp-client.ts';

/** What of another's address a NAT looks at (RFC 4787 sections 4.1 and 5). */
export type NatBehaviour = 'endpoint-independent' | 'address-dependent' | 'address-and-port-dependent' | 'unknown';

export interface NatReport {
  /**
   * When the same local port gets another public one. `none`: there is no NAT. Of two servers without RFC 5780 it is
   * known only that the public port depends on the address; whether on the port too is not.
   */
  mapping: NatBehaviour | 'none';
  /** Who may answer through the NAT or firewall; `unknown` without a server that speaks RFC 5780. */
  filtering: NatBehaviour;
  /** No server answered over UDP. Whether that is a firewall or the servers are down, `bindStun` over TCP tells. */
  udpBlocked: boolean;
  /** Whether two hosts behind this NAT reach each other by their public addresses; unset where there is no NAT. */
  hairpin?: boolean;
  /** How the first server that answered sees this host, and what this host used. */
  mapped?: Endpoint;
  local?: Endpoint;
}

export interface DiscoverOptions {
  /** One with two addresses (RFC 5780), or two on different addresses; others are for when these don't answer. */
  servers: readonly StunServer[];
  /** @default 4, unless all servers are IPv6 addresses */
  family?: 4 | 6;
  /** For each of at most three steps, of which a firewall makes some run out. @default 3000 */
  stepTimeoutMs?: number;
  signal: AbortSignal;
}

/** Three sendings, the last with half of it left. */
const STEP_TIMEOUT_MS = 3000;

/** A server that answered, and what it said. */
interface Seen {
  server: Endpoint;
  mapped: Endpoint;
  other?: Endpoint;
}

/**
 * Finds out what kind of NAT this host is behind (RFC 5780 section 4). Asks for the mapping from one port and for the
 * filtering from another, since what the one sends to opens the other's door. Throws STUN_HOST_UNKNOWN if no server has
 * an address, the system's error where there is no network, and the reason of `signal`.
 */
export async function discoverNat(options: DiscoverOptions): Promise<NatReport> {
  const {signal, stepTimeoutMs = STEP_TIMEOUT_MS} = options;
  const servers = await resolveAll(options);
  const [first] = servers;
  if (first === undefined) throw new RangeError('No STUN server is given');
  const client = await UdpClient.open(first);
  try {
    const step = () => AbortSignal.any([signal, AbortSignal.timeout(stepTimeoutMs)]);
    const seen = await askAll(client, servers, step());
    signal.throwIfAborted();
    const [nearest] = seen;
    if (nearest === undefined) return {mapping: 'unknown', filtering: 'unknown', udpBlocked: true};
    const {local} = client;
    const {mapped} = nearest;
    const isNat = mapped.key !== local.key;
    const [mapping, filtering, hairpin] = await Promise.all([
      isNat ? findMapping(client, seen, step) : ('none' as const),
      findFiltering(seen, step),
      isNat ? hairpins(nearest.server, step()) : undefined,
    ]);
    signal.throwIfAborted();
    return {mapping, filtering, udpBlocked: false, mapped, local, ...(hairpin !== undefined && {hairpin})};
  } finally {
    client.close();
  }
}

async function resolveAll({servers, family, signal}: DiscoverOptions): Promise<Endpoint[]> {
  const wanted = family ?? (servers.every(({host}) => host.includes(':')) ? 6 : 4);
  const found = await Promise.allSettled(servers.map((server) => resolveServer(server, wanted, signal)));
  signal.throwIfAborted();
  const endpoints = found.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const failed = found.find((one) => one.status === 'rejected');
  if (endpoints.length === 0 && failed !== undefined) throw failed.reason;
  return endpoints;
}

/** Those that answered, the ones with a second address first. */
async function askAll(client: UdpClient, servers: readonly Endpoint[], until: AbortSignal): Promise<Seen[]> {
  const seen = await Promise.all(servers.map((server) => see(client, server, until)));
  return seen
    .filter((one) => one !== undefined)
    .toSorted((a, b) => Number(b.other !== undefined) - Number(a.other !== undefined));
}

async function see(client: UdpClient, server: Endpoint, until: AbortSignal): Promise<Seen | undefined> {
  const answer = await client.ask(server, {until});
  if (answer?.result.ok !== true) return undefined;
  const {mapped, otherAddress: other} = answer.result;
  return {server, mapped, ...(other !== undefined && isApart(other, server) && {other})};
}

/** RFC 5780 section 4.3, and with two ordinary servers as far as that goes. */
async function findMapping(client: UdpClient, seen: readonly Seen[], step: () => AbortSignal): Promise<NatBehaviour> {
  const [first] = seen;
  if (first === undefined) return 'unknown';
  if (first.other !== undefined) {
    const second = await see(client, createEndpoint(first.other.bytes, first.server.port), step());
    if (second?.mapped.key === first.mapped.key) return 'endpoint-independent';
    const third = second && (await see(client, first.other, step()));
    if (third !== undefined) {
      return third.mapped.key === second?.mapped.key ? 'address-dependent' : 'address-and-port-dependent';
    }
  }
  const elsewhere = seen.find(({server}) => server.address !== first.server.address);
  if (elsewhere === undefined) return 'unknown';
  return elsewhere.mapped.key === first.mapped.key ? 'endpoint-independent' : 'address-dependent';
}

/** RFC 5780 section 4.4; the two questions at once, as neither opens a door for the other's answer. */
async function findFiltering(seen: readonly Seen[], step: () => AbortSignal): Promise<NatBehaviour> {
  const first = seen.find(({other}) => other !== undefined);
  if (first?.other === undefined) return 'unknown';
  const {server, other} = first;
  const client = await UdpClient.open(server);
  try {
    const until = step();
    const comesFrom = async (from: Endpoint, change: ChangeRequest) =>
      (await client.ask(server, {from, change, until}))?.result.ok;
    const [fromOther, fromOtherPort] = await Promise.all([
      comesFrom(other, {address: true, port: true}),
      comesFrom(createEndpoint(server.bytes, other.port), {address: false, port: true}),
    ]);
    if (fromOther === true) return 'endpoint-independent';
    if (fromOther === false || fromOtherPort === false) return 'unknown';
    return fromOtherPort === true ? 'address-dependent' : 'address-and-port-dependent';
  } finally {
    client.close();
  }
}

/** With the same address or the same port no test would tell anything. */
function isApart(other: Endpoint, server: Endpoint): boolean {
  return other.family === server.family && other.address !== server.address && other.port !== server.port;
}
