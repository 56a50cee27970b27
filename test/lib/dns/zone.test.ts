import * as fc from 'fast-check';
import {describe, expect, it} from 'vitest';
import {parse as parseYaml} from 'yaml';

import {ownershipOf, ownsSet, readOwnership} from '../../../src/lib/dns/build/ownership.ts';
import {buildRecords} from '../../../src/lib/dns/build/zone.ts';
import {lintZone, lintZoneFile} from '../../../src/lib/dns/lint/lint.ts';
import {txtText} from '../../../src/lib/dns/model/fields.ts';
import {readTopology} from '../../../src/lib/dns/model/read-topology.ts';
import {setKey, type RecordSet} from '../../../src/lib/dns/model/record-set.ts';
import {importZone} from '../../../src/lib/dns/read/import-zone.ts';
import {readZoneFile, toRecordSets} from '../../../src/lib/dns/read/zone-file.ts';
import {exportZone} from '../../../src/lib/dns/write/export-zone.ts';
import {anyNetwork, network, peerId, PORTS} from '../../support/dns/topologies.ts';

/** Runs of digits by their value, the rest by code point. */
function natural(a: string, b: string): number {
  const [left, right] = [a, b].map((text) => text.split(/(\d+)/));
  for (const [index, part] of left!.entries()) {
    const other = right![index] ?? '';
    if (part === other) continue;
    return index % 2 === 1 && other !== '' ? Number(part) - Number(other) : part < other ? -1 : 1;
  }
  return -1;
}

const DATE = new Date('2026-03-05T12:00:00Z');
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
    const {p2pTcp, stun, turn} = PORTS;
    const without = buildRecords(readTopology({...network(), ports: {p2pTcp, stun, turn}}));
    expect(at(without, '_turns._tcp', 'SRV')).toBeUndefined();
    expect(without.find(({type}) => type === 'NAPTR')?.values).toHaveLength(2);
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

describe('an export', () => {
  it('is read back as exactly the records that were meant, from a zone file and from the file for Cloudflare', async () => {
    await fc.assert(
      fc.asyncProperty(anyNetwork, async (input) => {
        const topology = readTopology(input);
        const meant = buildRecords(topology);
        const bind = readZoneFile(exportZone(topology, {format: 'bind', date: DATE}));
        expect(bind.problems).toEqual([]);
        expect(bind.zone).toBe(input.zone);
        const apex = new Set(['SOA', 'NS']);
        const read = toRecordSets(bind.records).filter(({type}) => !apex.has(type));
        expect(read).toEqual(meant.map((set) => ({...set, proxied: false})));

        const text = exportZone(topology, {format: 'cloudflare', date: DATE});
        const cloudflare = toRecordSets(readZoneFile(text, input.zone).records);
        const behind = new Set(meant.filter(({proxied}) => proxied).map(({name}) => name));
        const kept = meant.filter(({name, type}) => !(type === 'HTTPS' && behind.has(name)));
        expect(cloudflare).toEqual(kept.map((set) => (set.proxied ? {...set, ttlSeconds: 1} : set)));
      }),
      {numRuns: 60},
    );
  });

  it('lints clean and imports as the network it came from', async () => {
    await fc.assert(
      fc.asyncProperty(anyNetwork, async (input) => {
        const text = exportZone(readTopology(input), {format: 'cloudflare', date: DATE});
        const {records: read} = readZoneFile(text, input.zone);
        expect(lintZoneFile(input.zone, read)).toEqual([]);
        expect(lintZone(input.zone, buildRecords(readTopology(input)))).toEqual([]);
        const imported = importZone(input.zone, toRecordSets(read), input.ports);
        expect(imported.kept).toEqual([]);
        expect(imported.changed).toEqual([]);
        const again = buildRecords(readTopology({...imported.input, https: input.https}));
        expect(again).toEqual(buildRecords(readTopology(input)));
      }),
      {numRuns: 60},
    );
  });

  it('has a serial that never goes backwards, and stays where nothing changed', async () => {
    const topology = readTopology(network());
    const first = exportZone(topology, {format: 'bind', date: DATE});
    expect(first).toContain(' 2026030500 ');
    const later = new Date('2026-04-01');
    expect(exportZone(topology, {format: 'bind', date: later, previous: first})).toBe(first);
    const grown = readTopology(network({nodes: 4}));
    const second = exportZone(grown, {format: 'bind', date: DATE, previous: first});
    expect(second).toContain(' 2026030501 ');
    const ahead = exportZone(topology, {format: 'bind', serial: 4_000_000_000, date: DATE});
    expect(exportZone(grown, {format: 'bind', date: later, previous: ahead})).toContain(' 4000000001 ');
    const last = exportZone(topology, {format: 'bind', serial: 4_294_967_295, date: DATE});
    expect(() => exportZone(grown, {format: 'bind', date: later, previous: last})).toThrow(
      expect.objectContaining({code: 'DNS_SERIAL'}),
    );
  });

  it('marks only what Cloudflare proxies, without SOA and NS', async () => {
    const text = exportZone(readTopology(network()), {format: 'cloudflare', date: DATE});
    const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith(';;'));
    expect(lines.every((line) => /; cf_tags=cf-proxied:(?:true|false)$/.test(line))).toBe(true);
    const proxied = lines.filter((line) => line.endsWith(':true')).map((line) => line.split('.')[0]);
    expect(new Set(proxied)).toEqual(new Set(['gateway', 'gw', 'api-gw', 'signal', 'signaling', 'ws', 'wss']));
    expect(text).not.toMatch(/\s(?:SOA|NS)\s/);
  });

  it('says when a zone is too big for the import of Cloudflare', async () => {
    const big = readTopology(network({nodes: 2_000}));
    expect(() => exportZone(big, {format: 'cloudflare', date: DATE})).toThrow(
      expect.objectContaining({code: 'DNS_TOO_BIG'}),
    );
  });

  it('is YAML in the order that octoDNS wants, with a key for each name', () => {
    const topology = readTopology(network({nodes: 12}));
    const zone = parseYaml(exportZone(topology, {format: 'octodns', date: DATE})) as Record<string, object>;
    const names = Object.keys(zone);
    expect(names).toEqual(names.toSorted(natural));
    expect(names.indexOf('relay2')).toBeLessThan(names.indexOf('relay10'));
    expect(zone['_turn._udp']).toEqual({
      ttl: 3600,
      type: 'SRV',
      value: {port: 3478, priority: 0, target: 'turn.quiver.example.', weight: 0},
    });
    expect(Object.keys(zone['_turn._udp'] ?? {})).toEqual(['ttl', 'type', 'value']);
    expect(zone['gw']).toEqual({
      octodns: {cloudflare: {proxied: true}},
      ttl: 300,
      type: 'CNAME',
      value: 'gateway.quiver.example.',
    });
    const sets = Object.values(zone).flatMap((each) => (Array.isArray(each) ? each : [each]));
    expect(sets).toHaveLength(buildRecords(topology).length);
  });

  it('has a Terraform resource for each record that Cloudflare does not make itself, none of them twice', () => {
    const topology = readTopology({...network({nodes: 3}), https: ['gateway', 'signal']});
    const text = exportZone(topology, {format: 'terraform', date: DATE});
    const resources = [...text.matchAll(/^resource "cloudflare_dns_record" "([a-z_][\w-]*)" \{$/gm)].map(
      ([, name]) => name,
    );
    const records = buildRecords(topology).filter(({type}) => type !== 'HTTPS');
    expect(new Set(resources).size).toBe(records.flatMap(({values}) => values).length);
    expect(resources).toHaveLength(new Set(resources).size);
    expect(text).toContain('proxied = true');
    expect(text.match(/\{/g)).toHaveLength(text.match(/\}/g)!.length);
  });

  it('is the same text for the same network, in every format', async () => {
    for (const format of ['bind', 'cloudflare', 'json', 'terraform', 'octodns'] as const) {
      const write = (): string => exportZone(readTopology(network()), {format, date: DATE});
      expect(write(), format).toBe(write());
    }
  });
});

describe('an import', () => {
  it('knows the older habit in which the first node has the bare name', () => {
    const file = [
      '$ORIGIN old.example.',
      'bootstrap 300 IN A 9.0.0.1',
      'bootstrap1 300 IN A 9.0.0.2',
      'bootstrap2 300 IN A 9.0.0.3',
      'gateway 300 IN A 9.0.0.9',
    ].join('\n');
    const {zone, records: read} = readZoneFile(file);
    const imported = importZone(zone, toRecordSets(read), PORTS);
    expect(imported.olderNumbering).toEqual(['bootstrap']);
    expect(imported.input.hosts).toEqual([
      'gateway=9.0.0.9',
      'bootstrap1=9.0.0.1',
      'bootstrap2=9.0.0.2',
      'bootstrap3=9.0.0.3',
    ]);
  });

  it('keeps what is not of quiver, and an export has it again', async () => {
    const file = ['$ORIGIN q.example.', 'gateway 300 A 9.0.0.9', '@ 1h MX 10 mail', 'mail 60 A 9.0.0.10'].join('\n');
    const {records: read} = readZoneFile(file);
    const {input, kept} = importZone('q.example', toRecordSets(read), PORTS);
    expect(kept.map(setKey)).toEqual(['q.example MX', 'mail.q.example A']);
    const text = exportZone(readTopology(input), {format: 'bind', date: DATE});
    expect(text).toMatch(/3600 IN MX\s+10 mail\.q\.example\./);
  });

  it('reports each line that it can not read, and goes on behind it', () => {
    const file = [
      '$ORIGIN q.example.',
      '$INCLUDE other.zone',
      'a IN A 300.1.1.1',
      'b IN TXT "open',
      'c IN SRV 1 2',
      'd IN A 9.0.0.1',
      'e IN ( A',
      '  9.0.0.2 ) ; two lines',
      'f IN WRONG(',
    ].join('\n');
    const {records: read, problems} = readZoneFile(file);
    expect(problems.map(({line}) => line)).toEqual([2, 3, 4, 5, 9]);
    expect(read.map(({name, value}) => `${name} ${value}`)).toEqual(['d.q.example 9.0.0.1', 'e.q.example 9.0.0.2']);
  });

  it('never throws on garbage', () => {
    const piece = fc.constantFrom(
      '$ORIGIN',
      'IN',
      'A',
      '(',
      ')',
      '"',
      '\\',
      ';',
      '\n',
      ' ',
      '.',
      '@',
      'TXT',
      '9.9.9.9',
      '300',
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(piece, fc.string()), {maxLength: 60}), (pieces) => {
        const {zone, records: read} = readZoneFile(pieces.join(' '));
        lintZoneFile(zone, read);
      }),
      {numRuns: 500},
    );
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
