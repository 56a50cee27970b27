import {endpointText} from '../stun/endpoint.ts';
import {discoverNat, type NatReport} from '../stun/nat-discovery.ts';
import type {Candidate} from './candidate.ts';
import type {Finding} from './finding.ts';
import {findingsOf} from './findings.ts';
import {gatherCandidates} from './gather.ts';
import type {IcePolicy} from './path-types.ts';
import {chooseServers, stunAddresses, turnRoutes} from './server-choice.ts';
import type {ServerList} from './servers.ts';
import {probeTurn, type TurnProbe} from './turn-probe.ts';

export interface CheckOptions {
  list: ServerList;
  policy: IcePolicy;
  bindAddress?: string;
  /** For each server to answer. @default 4000 */
  patienceMs?: number;
  signal: AbortSignal;
}

/**
 * What this host will use with a peer on another network: `direct` through NATs if the peer's NAT lets it, a relay, or
 * `host`, which reaches peers on the same network only. `none`: not even that.
 */
export type ExpectedPath = 'direct' | 'relay over UDP' | 'relay over TCP' | 'relay over TLS' | 'host' | 'none';

export interface CheckReport {
  path: ExpectedPath;
  /** Whether there is a path beyond this network, or no server to look for one was named. */
  ok: boolean;
  servers: {from: ServerList['from']; count: number};
  candidates: Candidate[];
  /** Undefined without a STUN server to ask. */
  nat?: NatSummary;
  probes: TurnProbe[];
  findings: Finding[];
}

export interface NatSummary extends Omit<NatReport, 'mapped' | 'local'> {
  /** Address and port as a server sees them, and as this host has them. */
  mapped?: string;
  local?: string;
}

const PROBES_LIMIT = 12;
const PATIENCE_MS = 4_000;
const NAT_STEP_MS = 1_500;

/** Finds out how this host can be connected, by doing what a connection does. Rejects only when the signal aborts. */
export async function checkIce(options: CheckOptions): Promise<CheckReport> {
  const {list, signal, patienceMs = PATIENCE_MS} = options;
  const routes = turnRoutes(list.servers).slice(0, PROBES_LIMIT);
  const stun = [...stunAddresses(list.servers), ...routes.filter(({transport}) => transport === 'udp')];
  const [candidates, nat, probes] = await Promise.all([
    candidatesOf(options),
    stun.length === 0 ? undefined : natOf(stun, signal),
    Promise.all(routes.map((route) => probeTurn(route, {signal, deadlineMs: patienceMs}))),
  ]);
  signal.throwIfAborted();
  const path = expectedPath(candidates, nat, probes, options.policy);
  const ok = path !== 'none' && (path !== 'host' || (routes.length === 0 && stun.length === 0));
  return {
    path,
    ok,
    servers: {from: list.from, count: list.servers.length},
    candidates,
    ...(nat !== undefined && {nat: summaryOf(nat)}),
    probes,
    findings: findingsOf({list, candidates, nat, probes, loopbackOnly: isLoopback(options.bindAddress)}),
  };
}

async function candidatesOf({list, policy, signal, bindAddress}: CheckOptions): Promise<Candidate[]> {
  const servers = await chooseServers(list.servers, signal);
  return gatherCandidates({
    servers,
    policy,
    signal,
    ...(bindAddress !== undefined && {bindAddress}),
  });
}

/** A network of this machine alone. */
function isLoopback(address: string | undefined): boolean {
  return address === '::1' || address?.startsWith('127.') === true;
}

function summaryOf({mapped, local, ...rest}: NatReport): NatSummary {
  return {
    ...rest,
    ...(mapped !== undefined && {mapped: endpointText(mapped.address, mapped.port)}),
    ...(local !== undefined && {local: endpointText(local.address, local.port)}),
  };
}

async function natOf(servers: readonly {host: string; port: number}[], signal: AbortSignal): Promise<NatReport> {
  try {
    return await discoverNat({servers, stepTimeoutMs: NAT_STEP_MS, signal});
  } catch {
    signal.throwIfAborted();
    return {mapping: 'unknown', filtering: 'unknown', udpBlocked: true};
  }
}

function expectedPath(
  candidates: readonly Candidate[],
  nat: NatReport | undefined,
  probes: readonly TurnProbe[],
  policy: IcePolicy,
): ExpectedPath {
  const relays = new Set(probes.filter(({problem}) => problem === undefined).map(({transport}) => transport));
  // A mapping that depends on the peer's address is one that no server can tell a peer beforehand.
  const direct = nat !== undefined && ['none', 'endpoint-independent'].includes(nat.mapping) && !nat.udpBlocked;
  if (policy === 'all' && direct && candidates.length > 0) return 'direct';
  if (relays.has('udp')) return 'relay over UDP';
  if (relays.has('tcp')) return 'relay over TCP';
  if (relays.has('tls')) return 'relay over TLS';
  return policy === 'all' && candidates.length > 0 ? 'host' : 'none';
}
