import * as fc from 'fast-check';
import {describe, expect, it} from 'vitest';

import {ownershipOf, ownsSet, readOwnership} from '../../../src/lib/dns/build/ownership.ts';
import {buildRecords} from '../../../src/lib/dns/build/zone.ts';
import {txtText} from '../../../src/lib/dns/model/fields.ts';
import {readTopology, type TopologyInput} from '../../../src/lib/dns/model/read-topology.ts';
import {setKey, type RecordSet} from '../../../src/lib/dns/model/record-set.ts';
import type {DnsPorts} from '../../../src/lib/dns/model/topology.ts';
import {anyNetwork, network, peerId, plainPorts, PORTS} from '../../support/dns/topologies.ts';

const records = (...options: Parameters<typeof network>): RecordSet[] =>
  buildRecords(readTopology(network(...options)));
const at = (sets: readonly RecordSet[], name: string, type: string): readonly string[] | undefined =>
  sets.find((set) => setKey(set) === `${name}.quiver.example ${type}`)?.values;

describe('the records of a network', () => {
  it('are addresses for each service and node, and CNAMEs for aliases', () => {
    const sets = records();
    expect(at(sets, 'gateway', 'A')).toEqual(['9.0.0.1']);
    expect(at(sets, 'gateway', 'AAAA')).toEqual(['2600:0:1::1']);
    for (const [alias, name] of Object.entries({
      gw: 'gateway',
      'api-gw': 'gateway',
      signaling: 'signal',
      ws: 'signal',
      wss: 'signal',
    })) {
      expect(at(sets, alias, 'CNAME')).toEqual([`${name}.quiver.example.`]);
    }
    expect(at(sets, 'bootstrap', 'A')).toHaveLength(3);
    expect(at(sets, 'relay3', 'A')).toEqual(['9.1.134.163']);
    expect(at(sets, 'eu-west.relay', 'A')).toEqual(at(sets, 'relay1', 'A'));
  });

  it('have one name for all on the one host of the single layout', () => {
    const sets = records({layout: 'single'});
    for (const name of [
      'gateway',
      'signal',
      'bootstrap',
      'bootstrap1',
      'registry',
      'relay',
      'relay1',
      'stun',
      'turn',
    ]) {
      expect(at(sets, name, 'A'), name).toEqual(['9.0.0.1']);
    }
  });

  it('are CNAMEs to platforms in the cloud layout, while SRV names the platform itself', () => {
    const sets = records({layout: 'cloud'});
    expect(at(sets, 'turn', 'CNAME')).toEqual(['app-1.hosting.example.']);
    expect(at(sets, '_turn._udp', 'SRV')).toEqual(['0 0 3478 app-1.hosting.example.']);
    expect(at(sets, '_dnsaddr.bootstrap1', 'TXT')?.[0]).toContain('/dns/app-1.hosting.example/tcp/4001/p2p/');
  });

  it('lead to STUN and TURN by SRV and NAPTR, without TLS where it is not served', () => {
    const sets = records();
    expect(at(sets, '_stuns._tcp', 'SRV')).toEqual(['0 0 5349 stun.quiver.example.']);
    expect(sets.find(({type}) => type === 'NAPTR')?.values).toEqual([
      '100 10 "s" "RELAY:turn.udp" "" _turn._udp.quiver.example.',
      '100 20 "s" "RELAY:turn.tcp" "" _turn._tcp.quiver.example.',
      '100 30 "s" "RELAY:turn.tls" "" _turns._tcp.quiver.example.',
    ]);
    const without = buildRecords(readTopology({...network(), ports: plainPorts(4001, 3478)}));
    expect(at(without, '_turns._tcp', 'SRV')).toBeUndefined();
    expect(without.find(({type}) => type === 'NAPTR')?.values).toHaveLength(2);
  });

  it('lead to each server by its own ports, and to none that it does not have', () => {
    const ports = {...PORTS, stun: {udp: 3479, tcp: 3479, tls: 5350}, turn: {udp: 3478, tls: 5349}};
    const srv = (input: TopologyInput): string[] =>
      buildRecords(readTopology(input))
        .filter(({type}) => type === 'SRV')
        .map(({name, values}) => `${name.replace('.quiver.example', '')} ${values.join()}`);
    const apart = [
      '_stun._tcp 0 0 3479 stun.quiver.example.',
      '_stuns._tcp 0 0 5350 stun.quiver.example.',
      '_turns._tcp 0 0 5349 turn.quiver.example.',
      '_stun._udp 0 0 3479 stun.quiver.example.',
      '_turn._udp 0 0 3478 turn.quiver.example.',
    ];
    expect(srv({...network(), ports})).toEqual(apart);
    expect(srv({...network({layout: 'single'}), ports})).toEqual(apart);
    const naptr = buildRecords(readTopology({...network(), ports})).find(({type}) => type === 'NAPTR');
    expect(naptr?.values).toEqual([
      '100 10 "s" "RELAY:turn.udp" "" _turn._udp.quiver.example.',
      '100 20 "s" "RELAY:turn.tls" "" _turns._tcp.quiver.example.',
    ]);
    // On one port of one host there is only the TURN server, which answers STUN itself; so too without a STUN server.
    const one = {...ports, stun: {udp: 3478, tcp: 3478, tls: 5350}};
    const alone = network();
    const served = (host: string): string[] => [
      `_stuns._tcp 0 0 5349 ${host}.quiver.example.`,
      '_turns._tcp 0 0 5349 turn.quiver.example.',
      `_stun._udp 0 0 3478 ${host}.quiver.example.`,
      '_turn._udp 0 0 3478 turn.quiver.example.',
    ];
    expect(srv({...network({layout: 'single'}), ports: one})).toEqual(served('stun'));
    expect(
      srv({
        ...alone,
        services: alone.services.filter((service) => service !== 'stun'),
        hosts: alone.hosts.filter((line) => !line.startsWith('stun=')),
        ports,
      }),
    ).toEqual(served('turn'));
  });

  it('lead to bootstraps and relays by the ports of each, and list none that has no port', () => {
    const ports = {...PORTS, bootstrap: {tcp: 5001}, relay: {quic: 6001}};
    const listed = (of: DnsPorts, label: string): readonly string[] =>
      at(buildRecords(readTopology({...network({layout: 'single', ipv6: false}), ports: of})), label, 'TXT') ?? [];
    expect(listed(ports, '_dnsaddr.bootstrap1')).toEqual([`"dnsaddr=/ip4/9.0.0.1/tcp/5001/p2p/${peerId(1)}"`]);
    expect(listed(ports, '_dnsaddr.relay1')).toEqual([
      `"dnsaddr=/ip4/9.0.0.1/udp/6001/quic-v1/p2p/${peerId(100_001)}"`,
    ]);
    expect(listed({...ports, relay: {}}, '_dnsaddr.relay')).toEqual([]);
  });

  it.each([1, 3, 40, 500])('reach every address of %i bootstraps through answers of at most 512 bytes', (nodes) => {
    const sets = records({nodes});
    const found = new Set<string>();
    let deepest = 0;
    const walk = (domain: string, depth: number): void => {
      deepest = Math.max(deepest, depth);
      const values = at(sets, `_dnsaddr.${domain}`, 'TXT') ?? [];
      expect(values.length, domain).toBeGreaterThan(0);
      const size = values.reduce((sum, value) => sum + 13 + txtText(value).length, 27 + domain.length + 26);
      expect(size).toBeLessThanOrEqual(512);
      for (const value of values) {
        const entry = txtText(value).replace('dnsaddr=', '');
        const [, next] = /^\/dnsaddr\/([^/]+)\.quiver\.example/.exec(entry) ?? [];
        if (next === undefined) found.add(entry);
        else walk(next, depth + 1);
      }
    };
    walk('bootstrap', 1);
    // TCP, QUIC and WebSocket over IPv4 and IPv6.
    expect(found.size).toBe(nodes * 6);
    expect(deepest).toBeLessThanOrEqual(6);
  });

  it('are all covered by what the ownership record says, and nothing of somebody else is', () => {
    fc.assert(
      fc.property(anyNetwork, (input) => {
        const sets = buildRecords(readTopology(input));
        const own = sets.find(({name}) => name === `_quiver.${input.zone}`);
        const ownership = readOwnership(txtText(own?.values[0] ?? ''));
        expect(ownership).toBeDefined();
        const owns = ownsSet(input.zone, ownership!);
        for (const set of sets) expect(owns(set), setKey(set)).toBe(true);
        for (const name of ['', 'www', '_acme-challenge', '_acme-challenge.gateway', 'relay99', 'bootstrap0', 'mail']) {
          expect(owns({name: name === '' ? input.zone : `${name}.${input.zone}`, type: 'A'}), name).toBe(false);
        }
        expect(owns({name: `gateway.${input.zone}`, type: 'MX'})).toBe(false);
        expect(owns({name: `gateway.${input.zone}`, type: 'TXT'})).toBe(false);
      }),
    );
  });

  it('are not owned by a text of another version', () => {
    expect(readOwnership('v=quiver2 own=gateway')).toBeUndefined();
    expect(readOwnership('v=quiver1 own=gateway,something-new')).toBeUndefined();
    expect(ownershipOf(readTopology(network()), []).services.get('relay')).toBe(3);
  });
});

describe('a network that can not be', () => {
  const hosts = network().hosts;
  it.each([
    ['an address that is none', {hosts: ['gateway=9.0.0.300', ...hosts.slice(1)]}, /hosts gateway: "9\.0\.0\.300"/],
    ['a zone without a dot', {zone: 'quiver'}, /zone: "quiver" can't be used, it has no dot/],
    ['a label of 64 characters', {zone: `${'a'.repeat(64)}.example`}, /zone: .* has 64 characters/],
    ['a peer id with a wrong character', {peerIds: [`bootstrap1=${peerId(1).slice(0, -1)}0`]}, /peer_ids bootstrap1/],
    ['a peer id that is cut', {peerIds: [`bootstrap1=${peerId(1).slice(0, -3)}`]}, /peer_ids bootstrap1/],
    [
      '10,000 nodes',
      {hosts: [...hosts, ...Array.from({length: 10_000}, (_, i) => `relay${i + 4}=9.9.9.9`)]},
      /hosts: there are more than/,
    ],
    ['a node whose number leaves a gap', {hosts: [...hosts, 'relay7=9.9.9.9']}, /hosts: "relay7" is no node/],
    ['a proxied relay', {proxied: ['relay']}, /proxied: relay is not served on a port that Cloudflare proxies/],
    ['a service that is none', {services: ['mail']}, /services: "mail" is not a service/],
    ['a region of a node that is not there', {regions: ['relay9=eu']}, /regions: "relay9"/],
    ['a record that is none', {records: ['@ IN MX mail']}, /records: "@ IN MX mail" can't be read/],
  ])('is refused with the name of the field: %s', (_, change, message) => {
    expect(() => readTopology({...network(), ...change})).toThrow(message);
  });

  it('lacks an address: the error says whose', () => {
    expect(() => readTopology({...network(), hosts: hosts.filter((line) => !line.startsWith('turn='))})).toThrow(
      expect.objectContaining({code: 'DNS_HOST_MISSING', label: 'turn', exit: 2}),
    );
  });
});
