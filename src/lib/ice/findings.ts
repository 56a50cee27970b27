import type {NatReport} from '../stun/nat-discovery.ts';
import type {Candidate} from './candidate.ts';
import type {Finding} from './finding.ts';
import type {ServerList} from './servers.ts';
import type {TurnProbe} from './turn-probe.ts';

export interface Observations {
  list: ServerList;
  candidates: readonly Candidate[];
  nat: NatReport | undefined;
  probes: readonly TurnProbe[];
  loopbackOnly: boolean;
}

/** What to change, the gravest first. */
export function findingsOf({list, candidates, nat, probes, loopbackOnly}: Observations): Finding[] {
  const findings: Finding[] = [];
  const add = (code: string, message: string, fix: string): void => void findings.push({code, message, fix});
  const passed = probes.filter(({problem}) => problem === undefined);
  const udp = probes.filter(({transport}) => transport === 'udp');

  if (candidates.length === 0)
    add('NO_CANDIDATES', 'This host has no address that a peer could use', 'Connect it to a network.');
  if (list.problem !== undefined) {
    const {code, message, fix} = list.problem;
    const instead = list.from === 'stale-cache' ? '; the list of an earlier answer is used' : '';
    add(code, `${message}${instead}`, fix);
  }
  if (list.servers.length === 0) {
    add(
      'NO_SERVERS',
      'No STUN or TURN server is known: only peers on the same network can be reached',
      'quiver turn start   (on a host with a public address; then name its API to this one)',
    );
  } else if (passed.length === 0 && nat?.udpBlocked !== false) {
    add(
      'NO_SERVER_REACHABLE',
      'None of the STUN and TURN servers can be reached',
      'Look whether they run, and let UDP and TCP 3478 and TCP 5349 out through the firewall.',
    );
  }
  for (const {url, problem} of failed(probes)) add(problem.code, `${url}: ${problem.message}`, problem.fix);
  const udpFails = udp.length > 0 && udp.every(({problem}) => problem?.code === 'ICE_SERVER_SILENT');
  if (nat?.udpBlocked === true && udpFails && passed.length > 0) {
    add(
      'UDP_BLOCKED',
      'UDP does not get out of this network: everything goes over a relay by TCP or TLS, and is slower',
      'Let UDP to port 3478 out, and UDP in general for direct paths.',
    );
  }
  if (nat?.mapping === 'address-dependent' || nat?.mapping === 'address-and-port-dependent') {
    add(
      'SYMMETRIC_NAT',
      'The NAT gives every peer another port (it is symmetric): most connections will need a relay',
      passed.length > 0
        ? 'Nothing to do while the TURN server runs; a NAT with endpoint-independent mapping would spare it.'
        : 'Name a TURN server, or use a NAT with endpoint-independent mapping.',
    );
  }
  if (list.servers.length > 0 && probes.length === 0) {
    add(
      'NO_TURN',
      'No TURN server is known: peers behind a symmetric NAT or without UDP will not be reached',
      'quiver turn start   (on a host with a public address)',
    );
  }
  if (loopbackOnly) {
    add(
      'LOOPBACK_ONLY',
      'This network is one of this machine alone: nothing beyond loopback was tried',
      'quiver ice check --profile NAME   (a network with other machines; quiver network list)',
    );
  }
  return findings;
}

function failed(probes: readonly TurnProbe[]): {url: string; problem: NonNullable<TurnProbe['problem']>}[] {
  return probes.flatMap(({url, problem}) => (problem === undefined ? [] : [{url, problem}]));
}
