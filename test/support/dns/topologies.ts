import {base58btc} from 'multiformats/bases/base58';
import * as fc from 'fast-check';

import type {TopologyInput} from '../../../src/lib/dns/model/read-topology.ts';
import {SERVICE_LABELS} from '../../../src/lib/dns/model/services.ts';
import type {DnsPorts} from '../../../src/lib/dns/model/topology.ts';

const NODE_PORTS = {tcp: 4001, quic: 4001, webSocket: 4002};
const SERVER_PORTS = {udp: 3478, tcp: 3478, tls: 5349};
export const PORTS = {bootstrap: NODE_PORTS, relay: NODE_PORTS, stun: SERVER_PORTS, turn: SERVER_PORTS};

/** With TCP alone for nodes, and no TLS. */
export function plainPorts(tcp: number, stun: number): DnsPorts {
  return {bootstrap: {tcp}, relay: {tcp}, stun: {udp: stun, tcp: stun}, turn: {udp: stun, tcp: stun}};
}

/** A whole peer id of an Ed25519 key, whose bytes are the number. */
export function peerId(index: number): string {
  const key = new Uint8Array(38);
  key.set([0x00, 0x24, 0x08, 0x01, 0x12, 0x20]);
  new DataView(key.buffer).setUint32(6, index);
  return base58btc.baseEncode(key);
}

/** A network of so many bootstraps and relays, on addresses that could be public. */
export function network(
  options: {layout?: TopologyInput['layout']; nodes?: number; ipv6?: boolean; zone?: string} = {},
): TopologyInput {
  const {layout = 'distributed', nodes = 3, ipv6 = true, zone = 'quiver.example'} = options;
  const address = (index: number): string => {
    const four = `9.${(index >> 16) & 255}.${(index >> 8) & 255}.${index & 255}`;
    return ipv6 ? `${four},2600:${(index >> 16).toString(16)}:${(index & 65_535).toString(16)}::1` : four;
  };
  const numbers = Array.from({length: nodes}, (_, index) => index + 1);
  const distributed = [
    ...['gateway', 'signal', 'registry', 'stun', 'turn'].map((label, index) => `${label}=${address(index + 1)}`),
    ...numbers.flatMap((number) => [
      `bootstrap${number}=${address(1_000 + number)}`,
      `relay${number}=${address(100_000 + number)}`,
    ]),
  ];
  const cloud = distributed.map((line) =>
    /^(?:gateway|signal|turn|stun|bootstrap1)=/.test(line) ? `${line.split('=')[0]}=app-1.hosting.example` : line,
  );
  const hosts = {single: [address(1)], distributed, cloud}[layout];
  const counted = layout === 'single' ? [1] : numbers;
  return {
    zone,
    layout,
    services: [...SERVICE_LABELS],
    hosts,
    regions: layout === 'single' ? [] : ['relay1=eu-west'],
    peerIds: counted.flatMap((number) => [
      `bootstrap${number}=${peerId(number)}`,
      `relay${number}=${peerId(100_000 + number)}`,
    ]),
    proxied: ['gateway', 'signal'],
    https: ['gateway'],
    certificateAuthorities: ['letsencrypt.org'],
    email: 'host.master@quiver.example',
    nameServers: layout === 'cloud' ? ['ns1.dns.example', 'ns2.dns.example'] : ['ns1=9.9.9.9'],
    records: [],
    ports: PORTS,
  };
}

const label = fc.stringMatching(/^[a-z][a-z0-9-]{0,20}[a-z0-9]$/);
const ipv4 = fc.tuple(fc.nat(255), fc.nat(255), fc.integer({min: 1, max: 254})).map((rest) => [9, ...rest].join('.'));
const ipv6 = fc.integer({min: 1, max: 0xff_ff}).map((group) => `2600:${group.toString(16)}::1`);
const addresses = fc.oneof(
  ipv4,
  fc.tuple(ipv4, ipv6).map((both) => both.join(',')),
  fc.uniqueArray(ipv4, {minLength: 1, maxLength: 4}).map((all) => all.join(',')),
);

/** Any network that an operator could describe. */
export const anyNetwork: fc.Arbitrary<TopologyInput> = fc
  .record({
    zone: fc.tuple(label, label).map((labels) => labels.join('.')),
    layout: fc.constantFrom('distributed' as const, 'cloud' as const),
    bootstraps: fc.array(addresses, {minLength: 1, maxLength: 12}),
    relays: fc.array(addresses, {minLength: 1, maxLength: 12}),
    others: fc.tuple(addresses, addresses, addresses, addresses, addresses),
    cloudHosts: fc.boolean(),
    regions: fc.array(fc.tuple(fc.nat(11), fc.constantFrom('eu-west', 'us-east', 'ap-1')), {maxLength: 5}),
    withoutId: fc.nat(12),
    https: fc.subarray(['gateway', 'signal']),
    proxied: fc.subarray(['gateway', 'signal']),
    ports: fc.constantFrom(PORTS, plainPorts(4001, 3478)),
  })
  .map(({zone, layout, bootstraps, relays, others, cloudHosts, regions, withoutId, https, proxied, ports}) => {
    const plain = ['gateway', 'signal', 'registry', 'stun', 'turn'].map((name, index) => {
      const hosted = layout === 'cloud' && (cloudHosts || name === 'gateway');
      return `${name}=${hosted ? `${name}.hosting.test` : (others[index] ?? '')}`;
    });
    // A zone can't tell which of two nodes at one address its region is of.
    const times = Map.groupBy(relays.join().split(','), (address) => address);
    const isAlone = (relay: string): boolean => relay.split(',').every((address) => times.get(address)?.length === 1);
    const placed = new Map(regions.filter(([index]) => isAlone(relays[index] ?? '')));
    return {
      zone,
      layout,
      services: [...SERVICE_LABELS],
      hosts: [
        ...plain,
        ...bootstraps.map((host, index) => `bootstrap${index + 1}=${host}`),
        ...relays.map((host, index) => `relay${index + 1}=${host}`),
      ],
      regions: [...placed].map(([index, region]) => `relay${index + 1}=${region}`),
      peerIds: bootstraps
        .map((_, index) => `bootstrap${index + 1}=${peerId(index + 1)}`)
        .filter((_, index) => index !== withoutId),
      proxied,
      https,
      certificateAuthorities: ['letsencrypt.org'],
      email: undefined,
      nameServers: ['ns1.dns.test'],
      records: [],
      ports,
    };
  });
