import * as fc from 'fast-check';
import {describe, expect, it} from 'vitest';
import {parse as parseYaml} from 'yaml';

import {buildRecords} from '../../../src/lib/dns/build/zone.ts';
import {lintZone, lintZoneFile} from '../../../src/lib/dns/lint/lint.ts';
import {readTopology} from '../../../src/lib/dns/model/read-topology.ts';
import {importZone} from '../../../src/lib/dns/read/import-zone.ts';
import {readZoneFile} from '../../../src/lib/dns/read/zone-file.ts';
import {toRecordSets} from '../../../src/lib/dns/model/record-set.ts';
import {exportZone} from '../../../src/lib/dns/write/export-zone.ts';
import {anyNetwork, network} from '../../support/dns/topologies.ts';

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
    // Whoever wrote the file before.
    for (const soa of [
      '@ 3600 IN SOA ns1 host ( 4000000000 7200 3600 1209600 300 )',
      '@\tIN\tsoa\tns1.\thost. (\n\t\t; changed by hand\n\t\t4000000000 ; serial\n\t\t1h 1h 1h 1h)',
      '@ SOA ns1 host(4000000000\n1 1 1 1)',
    ]) {
      const previous = `; of 2026\n$TTL 1h\n${soa}\n`;
      expect(exportZone(topology, {format: 'bind', date: later, previous})).toContain(' 4000000001 ');
    }
    // None in it: looked for in a moment, whatever the comments are.
    const none = `@ SOA ns1 host (\n${'; '.repeat(40)}\nnone`;
    expect(exportZone(topology, {format: 'bind', date: later, previous: none})).toContain(' 2026040100 ');
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
