import {rdata, recordSet, type RecordSet} from '../model/record-set.ts';
import {dnsService} from '../model/services.ts';
import type {Topology} from '../model/topology.ts';
import {hostOf} from './addresses.ts';
import {ADDRESS_TTL_SECONDS, STABLE_TTL_SECONDS} from './ttl.ts';

/** SRV of STUN and TURN (RFC 8489 section 8.1, RFC 8656 section 4), one for each transport that is served. */
export function srvRecords(topology: Topology): RecordSet[] {
  const {zone, ports} = topology;
  const stun = hostOf(topology, 'stun') ?? hostOf(topology, 'turn');
  const turn = hostOf(topology, 'turn');
  const wanted = [
    {name: '_stun._udp', target: stun, port: ports.stun},
    {name: '_stun._tcp', target: stun, port: ports.stun},
    {name: '_stuns._tcp', target: stun, port: ports.turnTls},
    {name: '_turn._udp', target: turn, port: ports.turn},
    {name: '_turn._tcp', target: turn, port: ports.turn},
    {name: '_turns._tcp', target: turn, port: ports.turnTls},
  ];
  return wanted.flatMap(({name, target, port}) =>
    target === undefined || port === undefined
      ? []
      : [recordSet(`${name}.${zone}`, 'SRV', STABLE_TTL_SECONDS, [rdata.srv({priority: 0, weight: 0, port, target})])],
  );
}

/** S-NAPTR of RFC 5928 section 3: what `turn:<zone>` without a transport leads to, UDP first. */
export function naptrRecords(topology: Topology): RecordSet[] {
  const {zone, ports} = topology;
  if (hostOf(topology, 'turn') === undefined) return [];
  const transports = [
    {service: 'RELAY:turn.udp', replacement: `_turn._udp.${zone}`},
    {service: 'RELAY:turn.tcp', replacement: `_turn._tcp.${zone}`},
    ...(ports.turnTls === undefined ? [] : [{service: 'RELAY:turn.tls', replacement: `_turns._tcp.${zone}`}]),
  ];
  return [
    recordSet(
      zone,
      'NAPTR',
      STABLE_TTL_SECONDS,
      transports.map((transport, index) =>
        rdata.naptr({order: 100, preference: (index + 1) * 10, flags: 's', ...transport}),
      ),
    ),
  ];
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
