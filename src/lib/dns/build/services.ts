import {rdata, recordSet, type RecordSet} from '../model/record-set.ts';
import {dnsService} from '../model/services.ts';
import type {ServerPorts, Target, Topology} from '../model/topology.ts';
import {hostOf} from './addresses.ts';
import {ADDRESS_TTL_SECONDS, STABLE_TTL_SECONDS} from './ttl.ts';

/** SRV of STUN and TURN (RFC 8489 section 8.1, RFC 8656 section 4), and the S-NAPTR tags of RFC 5928 section 3. */
const SRV = [
  {label: '_stun._udp', service: 'stun', transport: 'udp'},
  {label: '_stun._tcp', service: 'stun', transport: 'tcp'},
  {label: '_stuns._tcp', service: 'stun', transport: 'tls'},
  {label: '_turn._udp', service: 'turn', transport: 'udp'},
  {label: '_turn._tcp', service: 'turn', transport: 'tcp'},
  {label: '_turns._tcp', service: 'turn', transport: 'tls'},
] as const;

export const SRV_LABELS: readonly string[] = SRV.map(({label}) => label);

/** One for each transport that is served. */
export function srvRecords(topology: Topology): RecordSet[] {
  return servedSrv(topology).map(({label, port, target}) => {
    const value = rdata.srv({priority: 0, weight: 0, port, target});
    return recordSet(`${label}.${topology.zone}`, 'SRV', STABLE_TTL_SECONDS, [value]);
  });
}

/** S-NAPTR of RFC 5928 section 3: what `turn:<zone>` without a transport leads to, UDP first. */
export function naptrRecords(topology: Topology): RecordSet[] {
  const {zone} = topology;
  const served = servedSrv(topology).filter(({service}) => service === 'turn');
  if (served.length === 0) return [];
  const values = served.map(({label, transport}, index) =>
    rdata.naptr({
      order: 100,
      preference: (index + 1) * 10,
      flags: 's',
      service: `RELAY:turn.${transport}`,
      replacement: `${label}.${zone}`,
    }),
  );
  return [recordSet(zone, 'NAPTR', STABLE_TTL_SECONDS, values)];
}

/**
 * Where a STUN or TURN server of the zone is asked. A TURN server answers STUN itself: on its own ports, where there is
 * no STUN server, or where both are said to be on one port of one host.
 */
export function serverPorts({nodes, ports}: Topology, service: 'stun' | 'turn'): ServerPorts {
  const [stun, turn] = (['stun', 'turn'] as const).map((label) => nodes.find((node) => node.service === label)?.target);
  if (service === 'turn' || turn === undefined) return ports[service];
  const isTurn = stun === undefined || (ports.stun.udp === ports.turn.udp && isSameHost(stun, turn));
  return isTurn ? ports.turn : ports.stun;
}

function servedSrv(topology: Topology): ((typeof SRV)[number] & {port: number; target: string})[] {
  const turn = hostOf(topology, 'turn');
  const targets = {stun: hostOf(topology, 'stun') ?? turn, turn};
  return SRV.flatMap((each) => {
    const target = targets[each.service];
    const port = serverPorts(topology, each.service)[each.transport];
    return target === undefined || port === undefined ? [] : [{...each, port, target}];
  });
}

function isSameHost(a: Target, b: Target): boolean {
  const [one, other] = [a, b].map((target) =>
    target.kind === 'hostname' ? [target.hostname] : [...target.ipv4, ...target.ipv6],
  );
  return one?.some((host) => other?.includes(host)) ?? false;
}

/** Who may issue certificates for the zone (RFC 8659). */
export function caaRecords({zone, certificateAuthorities, email}: Topology): RecordSet[] {
  if (certificateAuthorities.length === 0) return [];
  return [
    recordSet(zone, 'CAA', STABLE_TTL_SECONDS, [
      ...certificateAuthorities.map((name) => rdata.caa('issue', name)),
      ...(email === undefined ? [] : [rdata.caa('iodef', `mailto:${email}`)]),
    ]),
  ];
}

/**
 * HTTPS records (RFC 9460) of what is served on 443, with the addresses as hints; HTTP/1.1 is what the record means
 * without `alpn`. A name that is a CNAME has none, as its target has its own.
 */
export function httpsRecords({zone, nodes, https}: Topology): RecordSet[] {
  return nodes.flatMap(({service, target}) => {
    if (!https.includes(service) || target.kind !== 'addresses' || dnsService(service).numbered) return [];
    const parameters = [
      target.ipv4.length > 0 && `ipv4hint=${target.ipv4.join(',')}`,
      target.ipv6.length > 0 && `ipv6hint=${target.ipv6.join(',')}`,
    ].filter((parameter) => parameter !== false);
    const value = rdata.https(1, parameters);
    return [recordSet(`${service}.${zone}`, 'HTTPS', ADDRESS_TTL_SECONDS, [value])];
  });
}
