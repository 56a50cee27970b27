// What the checkers of three name servers and somebody else's parser say of our zone files.
import {spawnSync} from 'node:child_process';
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';

import {parseZone} from 'dnsz';
import {afterAll, describe, expect, it} from 'vitest';

import {LAYOUTS} from '../../../src/lib/dns/model/topology.ts';
import {buildRecords} from '../../../src/lib/dns/build/zone.ts';
import {readTopology} from '../../../src/lib/dns/model/read-topology.ts';
import {exportZone} from '../../../src/lib/dns/write/export-zone.ts';
import {network} from '../../support/dns/topologies.ts';

const folder = mkdtempSync(join(tmpdir(), 'quiver-zones-'));
afterAll(() => rmSync(folder, {recursive: true}));

const CASES = LAYOUTS.flatMap((layout) =>
  [true, false].flatMap((ipv6) => (layout === 'single' ? [1] : [1, 3, 40]).map((nodes) => ({layout, ipv6, nodes}))),
);
const DATE = new Date('2026-03-05');

/** How each is called, and what it says when it is content. `full` would ask the internet for hosts outside the zone, which the cloud layout has. */
const CHECKERS: readonly [
  program: string,
  pack: string,
  args: (zone: string, file: string) => string[],
  content: RegExp,
][] = [
  [
    'named-checkzone',
    'bind9-utils',
    (zone, file) => [
      '-i',
      file.includes('cloud') ? 'local' : 'full',
      '-S',
      'fail',
      '-M',
      'fail',
      '-k',
      'fail',
      '-n',
      'fail',
      zone,
      file,
    ],
    /^zone \S+: loaded serial \d+\nOK\n$/,
  ],
  ['nsd-checkzone', 'nsd', (zone, file) => [zone, file], /^zone \S+ is ok\n$/],
  ['kzonecheck', 'knot-dnssecutils', (zone, file) => ['-o', zone, file], /^$/],
];

describe.each(CHECKERS)('%s', (program, pack, args, content) => {
  const found = process.env['CI'] === 'true' || spawnSync(program, ['-h']).error === undefined;
  const here = found ? it : it.skip;
  here.each(CASES)(`takes a zone without a word (Debian: ${pack}): %j`, async (options) => {
    const topology = readTopology(network(options));
    const file = join(folder, `${options.layout}-${options.ipv6}-${options.nodes}`);
    writeFileSync(file, exportZone(topology, {format: 'bind', date: DATE}));
    const {status, stdout, stderr} = spawnSync(program, args(topology.zone, file), {encoding: 'utf8'});
    expect(`${stdout}${stderr}`).toMatch(content);
    expect(status).toBe(0);
  });
});

describe('the parser of dnsz', () => {
  it.each(CASES)('reads back exactly the records that are meant: %j', async (options) => {
    const topology = readTopology(network(options));
    const {records, origin} = parseZone(exportZone(topology, {format: 'bind', date: DATE}));
    const absolute = (name: string): string =>
      name === '@' || name === origin
        ? topology.zone
        : name.endsWith(`.${topology.zone}`)
          ? name
          : `${name}.${topology.zone}`;
    const read = records
      .filter(({type, name}) => !/^(?:SOA|NS)$/.test(type) && !name.startsWith('ns1'))
      .map(({name, type, ttl, content}) => `${absolute(name)} ${ttl} ${type} ${content}`);
    const meant = buildRecords(topology).flatMap(({name, type, ttlSeconds, values}) =>
      values.map((value) => `${name} ${ttlSeconds} ${type} ${value}`),
    );
    expect(new Set(read)).toEqual(new Set(meant));
    expect(read).toHaveLength(meant.length);
  });
});
