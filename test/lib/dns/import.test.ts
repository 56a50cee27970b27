import * as fc from 'fast-check';
import {describe, expect, it} from 'vitest';

import {buildRecords} from '../../../src/lib/dns/build/zone.ts';
import {lintZoneFile} from '../../../src/lib/dns/lint/lint.ts';
import {readTopology} from '../../../src/lib/dns/model/read-topology.ts';
import {setKey, toRecordSets} from '../../../src/lib/dns/model/record-set.ts';
import {importZone, type ImportedZone} from '../../../src/lib/dns/read/import-zone.ts';
import {MAX_PROBLEMS, readZoneFile} from '../../../src/lib/dns/read/zone-file.ts';
import {exportZone} from '../../../src/lib/dns/write/export-zone.ts';
import {peerId, PORTS} from '../../support/dns/topologies.ts';

const ZONE = 'q.example';
const DATE = new Date('2026-03-05T12:00:00Z');

function imported(...lines: string[]): ImportedZone {
  const {records, problems} = readZoneFile([`$ORIGIN ${ZONE}.`, ...lines].join('\n'), ZONE);
  expect(problems).toEqual([]);
  return importZone(ZONE, toRecordSets(records), PORTS);
}

/** What of an export is left when the import's settings are used. */
function again({input}: ImportedZone): string {
  return exportZone(readTopology({...input, nameServers: ['ns1.other.example']}), {format: 'bind', date: new Date(0)});
}

describe('an import', () => {
  it('of a zone that has nothing of quiver keeps everything', () => {
    const zone = imported('www 300 IN A 9.0.0.1', '*.relay 300 IN A 9.0.0.2', '_x._tcp 60 IN SRV 0 0 1 www');
    expect(zone.input).toMatchObject({services: [], hosts: []});
    expect(zone.kept).toHaveLength(3);
    expect(again(zone)).toMatch(/_x\._tcp\s+60 IN SRV\s+0 0 1 www\.q\.example\./);
  });

  it('keeps a CAA that says more than quiver would, and writes no other', () => {
    for (const more of [
      '0 issuewild ";"',
      '128 issue "ca.example"',
      '0 issue "ca.example; validationmethods=dns-01"',
      '0 iodef "https://ca.example"',
    ]) {
      const zone = imported(
        'gateway 300 IN A 9.0.0.1',
        `@ 300 IN CAA ${more}`,
        '@ 300 IN CAA 0 issue "letsencrypt.org"',
      );
      expect(zone.kept.map(setKey)).toEqual([`${ZONE} CAA`]);
      expect(buildRecords(readTopology(zone.input)).some(({type}) => type === 'CAA')).toBe(false);
      expect(again(zone)).toContain(more);
    }
  });

  it('says which alias becomes one where addresses stood', () => {
    const zone = imported(
      'gateway 300 IN A 9.0.0.1',
      'gw 300 IN A 9.0.0.1',
      'gw 300 IN TXT "x"',
      'ws 300 IN A 9.0.0.9',
    );
    expect(zone.changed.map(setKey)).toEqual([`gw.${ZONE} A`, `gw.${ZONE} TXT`]);
    expect(zone.kept.map(setKey)).toEqual([`ws.${ZONE} A`]);
    expect(again(zone)).toMatch(/^gw\s+300 IN CNAME gateway\.q\.example\.$/m);
  });

  it('keeps what else stands at the name of a name server', () => {
    const zone = imported('@ 300 IN NS ns1', 'ns1 300 IN A 9.0.0.53', 'ns1 300 IN TXT "x"', 'ns1 300 IN MX 1 ns1');
    expect(zone.input.nameServers).toEqual(['ns1=9.0.0.53']);
    expect(zone.kept.map(({type}) => type)).toEqual(['TXT', 'MX']);
  });

  it('keeps a set at one of our names by whose addresses nobody reaches a host', () => {
    for (const address of ['A 0.0.0.0', 'AAAA ::', 'AAAA ::ffff:9.0.0.1', 'AAAA FF02::1', 'A 255.255.255.255']) {
      const zone = imported(`gateway 300 IN ${address}`, `@ 300 IN NS ns1`, `ns1 300 IN ${address}`);
      expect(zone.input).toMatchObject({hosts: [], nameServers: []});
      expect(zone.kept.map(({name}) => name)).toEqual([`gateway.${ZONE}`, `ns1.${ZONE}`]);
    }
  });

  it('says when an export will name other servers, or somebody else who looks after them', () => {
    const changed = (...lines: string[]): string[] => imported(...lines).changed.map(({type}) => type);
    const soa = (contact: string): string => `@ 300 IN SOA ns1 ${contact} 7 7200 3600 1209600 300`;
    const ns1 = 'ns1 300 IN A 9.0.0.53';
    expect(changed(soa('hostmaster'), '@ 300 IN NS ns1', ns1)).toEqual([]);
    expect(changed(soa('admin.other.example.'), '@ 300 IN NS ns1', ns1)).toEqual(['SOA']);
    expect(changed(soa('hostmaster'), '@ 300 IN NS ns1', '@ 300 IN NS ns_2.example.', ns1)).toEqual(['NS']);
    expect(changed('@ 300 IN NS ns2')).toEqual(['NS']);
  });

  it('keeps the mark of the proxy on what it keeps', () => {
    const {input} = imported('www 1 IN A 9.0.0.1 ; cf_tags=cf-proxied:true', 'raw 300 IN A 9.0.0.1');
    const marks = readTopology(input).others.map(({name, proxied}) => [name, proxied]);
    expect(marks).toEqual([
      ['www.q.example', true],
      ['raw.q.example', false],
    ]);
  });

  it('takes a service for proxied that is by the mark of one address, as Cloudflare does', () => {
    const {input} = imported('gateway 1 IN A 9.0.0.1 ; cf_tags=cf-proxied:true', 'gateway 300 IN A 9.0.0.2');
    expect(input.proxied).toEqual(['gateway']);
  });

  it('keeps a set at one of our names that no node could have, and nodes beyond the most', () => {
    const crowd = Array.from({length: 17}, (_, index) => `gateway 300 IN A 9.0.0.${index}`);
    expect(imported(...crowd)).toMatchObject({input: {hosts: []}, kept: [{name: 'gateway.q.example'}]});
    const nodes = Array.from(
      {length: 2_001},
      (_, index) => `relay${index + 1} 300 IN A 9.0.${index >> 8}.${index & 255}`,
    );
    const {input, kept} = imported(...nodes);
    expect([input.hosts.length, kept.map(({name}) => name)]).toEqual([2_000, ['relay2001.q.example']]);
  });

  it('takes the first of two regions at one address, and no proxy where none can be', () => {
    const {input} = imported(
      'relay1 300 IN A 9.0.0.1 ; cf_tags=cf-proxied:true',
      'relay2 300 IN A 9.0.0.1',
      'eu.relay 300 IN A 9.0.0.1',
      'us.relay 300 IN A 9.0.0.1',
      'registry 1 IN A 9.0.0.1 ; cf_tags=cf-proxied:true',
    );
    expect(input.regions).toEqual(['relay1=eu', 'relay2=eu']);
    expect(input.proxied).toEqual([]);
  });

  it('of whatever stands at our names gives settings that can be used', () => {
    const name = fc.constantFrom(
      '@',
      'gateway',
      'gw',
      'bootstrap',
      'bootstrap1',
      'bootstrap2',
      'relay1',
      'relay2',
      'eu.relay',
      'us.relay',
      '*.relay',
      '_dnsaddr.bootstrap1',
      '_quiver',
      'ns1',
      'signal',
      '_turn._udp',
      'a_b',
      'turn',
    );
    const data = fc.constantFrom(
      'A 9.0.0.1',
      'A 9.0.0.2',
      'AAAA 2600::1',
      'CNAME host_1.example.',
      'CNAME gateway',
      'CNAME bootstrap',
      'CNAME app.hosting.example.',
      `TXT "dnsaddr=/ip4/9.0.0.1/tcp/1/p2p/${peerId(1)}"`,
      'TXT "dnsaddr=/x/p2p/abc"',
      'TXT "v=quiver1 own=gateway"',
      'CAA 0 issue "a.example"',
      'CAA 0 issue ";"',
      'CAA 0 iodef "mailto:a"',
      'CAA 0 iodef "mailto:a@b.example"',
      'NS ns1',
      'NS ns_1.example.',
      'NS ns2.example.',
      'SRV 0 0 1 .',
      'HTTPS 1 . alpn="h2"',
      'TYPE999 \\# 1 00',
      'MX 1 @',
    );
    const proxied = fc.constantFrom('', ' ; cf_tags=cf-proxied:true');
    fc.assert(
      fc.property(fc.array(fc.tuple(name, data, proxied), {maxLength: 14}), (all) => {
        const zone = imported(...all.map(([owner, rest, mark]) => `${owner} 300 IN ${rest}${mark}`));
        const text = again(zone);
        const {problems} = readZoneFile(text, ZONE);
        expect(problems).toEqual([]);
      }),
      {numRuns: 400},
    );
  });
});

describe('a zone file of others', () => {
  it('knows the older habit in which the first node has the bare name', () => {
    const file = [
      '$ORIGIN old.example.',
      'bootstrap 300 IN A 9.0.0.1',
      'bootstrap1 300 IN A 9.0.0.2',
      'bootstrap2 300 IN A 9.0.0.3',
      'gateway 300 IN A 9.0.0.9',
    ].join('\n');
    const {zone, records: read} = readZoneFile(file);
    const old = importZone(zone, toRecordSets(read), PORTS);
    expect(old.olderNumbering).toEqual(['bootstrap']);
    expect(old.input.hosts).toEqual([
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

  it('in any encoding gives the bytes that it has', () => {
    const head = Buffer.from(`\uFEFF$ORIGIN ${ZONE}.\r\n`);
    const lines = [
      'm\u00FCnchen 300 IN TXT "\u00E0 la\u00A0carte" \u00A0x',
      '\u{1F600} 300 IN CNAME \u00C4.\r',
      'www 300 IN A 9.0.0.1\r',
    ];
    const expected = [
      [String.raw`m\195\188nchen.q.example`, String.raw`"\195\160 la\194\160carte" "\194\160x"`],
      [String.raw`\240\159\152\128.q.example`, String.raw`\195\132.`],
      ['www.q.example', '9.0.0.1'],
    ];
    const utf8 = readZoneFile(Buffer.concat([head, Buffer.from(lines.join('\n'))]));
    expect(utf8).toMatchObject({zone: ZONE, problems: []});
    expect(utf8.records.map(({name, value}) => [name, value])).toEqual(expected);
    const latin = readZoneFile(Buffer.concat([head, Buffer.from('t\u00FC 300 IN TXT "\u00E4\u00A0"', 'latin1')]));
    expect(latin.records).toMatchObject([{name: String.raw`t\252.q.example`, value: String.raw`"\228\160"`}]);
    // What is kept is the same once it has been exported.
    const zone = importZone(ZONE, toRecordSets([...utf8.records, ...latin.records]), PORTS);
    const exported = readZoneFile(again(zone), ZONE);
    expect(exported.problems).toEqual([]);
    for (const {name, value} of [...utf8.records, ...latin.records]) {
      expect(exported.records).toContainEqual(expect.objectContaining({name, value}));
    }
  });

  it('knows every way to write a name, a number and a type', () => {
    const {records: read, problems} = readZoneFile(
      [
        `$ORIGIN ${ZONE}.`,
        String.raw`x\.y 300 IN A 9.0.0.1`,
        String.raw`X\046Y 300 IN TYPE1 \# 4 09 000002`,
        String.raw`dot\. 300 IN AAAA 2600:0::192.0.2.1`,
        String.raw`w 300 IN TYPE33 \# 7 000000000001 00`,
        String.raw`w 300 IN type65280 \# 2 ABCD`,
        'w 1h30m IN TXT ' + 'z'.repeat(300),
        'n 300 IN MX 1 .',
      ].join('\n'),
      ZONE,
    );
    expect(problems).toEqual([]);
    expect(read.map(({name, type, value}) => `${name.replace('.q.example', '')} ${type} ${value}`)).toEqual([
      String.raw`x\046y A 9.0.0.1`,
      String.raw`x\046y A 9.0.0.2`,
      String.raw`dot\046 AAAA 2600::c000:201`,
      'w SRV 0 0 1 .',
      String.raw`w TYPE65280 \# 2 abcd`,
      `w TXT "${'z'.repeat(255)}" "${'z'.repeat(45)}"`,
      'n MX 1 .',
    ]);
  });

  it.each([
    `${'l'.repeat(64)} 300 IN A 9.0.0.1`,
    `${'abc.'.repeat(70)}x 300 IN A 9.0.0.1`,
    'a..b 300 IN A 9.0.0.1',
    String.raw`a\999 300 IN A 9.0.0.1`,
    'a 4294967296 IN A 9.0.0.1',
    'a 300 IN SRV 0 0 65536 b',
    'a 300 IN AAAA fe80::1%eth0',
    'a 300 IN A 010.0.0.1',
    'a 300 IN CNAME b..c',
    String.raw`a 300 IN TXT b ` + '\\',
    String.raw`a 300 IN A \# 4 0900`,
    String.raw`a 300 IN A \# 3 090000`,
    'a 300 IN TYPE65536 x',
    'a 300 CH TXT x',
    '$TTL soon',
    '$ORIGIN a..b',
    '$GENERATE 1-9 host$ A 9.0.0.$',
    '$INCLUDE zone',
    `a 300 IN TXT "${'x'.repeat(600_000)}"`,
  ])('tells of a line that is none: %.60s', (line) => {
    const {records: read, problems} = readZoneFile(`$ORIGIN ${ZONE}.\n${line}\nb.${ZONE}. 300 IN A 9.0.0.1\n`);
    expect(problems).toMatchObject([{line: 2, text: line.trim()}]);
    expect(read).toMatchObject([{name: 'b.q.example'}]);
  });

  it('is not named by the root, which name servers begin their own files with', () => {
    const body = 'www.q.example A 9.0.0.1\n';
    expect(readZoneFile(`$ORIGIN .\n${body}`)).toMatchObject({isNamed: false});
    expect(readZoneFile(`$ORIGIN .\n${body}$ORIGIN q.example.\n`)).toMatchObject({zone: ZONE, isNamed: true});
  });

  it('is not read to its end when it is something else', () => {
    expect(readZoneFile('x\n'.repeat(1_000_000), ZONE).problems).toHaveLength(MAX_PROBLEMS + 1);
  });

  it('gives what stands behind an unreadable line to nobody else', () => {
    const file = ['a IN A 9.0.0.1', 'b IN TXT "open', '  IN A 9.0.0.2', '..c IN A 9.0.0.3', '  IN A 9.0.0.4'];
    const {records: read, problems} = readZoneFile(
      [`$ORIGIN ${ZONE}.`, ...file, '$ORIGIN ..', 'd A 9.0.0.5'].join('\n'),
    );
    expect(read.map(({name, value}) => `${name} ${value}`)).toEqual(['a.q.example 9.0.0.1', 'b.q.example 9.0.0.2']);
    expect(problems.map(({line}) => line)).toEqual([3, 5, 6, 7, 8]);
  });

  it('may be as big as it likes', () => {
    const many = (count: number, line: (index: number) => string): string =>
      Array.from({length: count}, (_, index) => line(index)).join('\n');
    for (const text of [
      `a IN TXT "${String.raw`\"`.repeat(4_000_000)}`,
      '('.repeat(1_000_000),
      'x'.repeat(9_000_000),
      '\n'.repeat(1_000_000),
      many(130_000, (index) => `x ${index} IN A 9.9.${(index >> 8) & 255}.${index & 255}`),
    ]) {
      const {records: read} = readZoneFile(text, ZONE);
      lintZoneFile(ZONE, read);
      again(importZone(ZONE, toRecordSets(read), PORTS));
    }
    // Names of others may be as many as they like, too.
    const regions = readZoneFile(
      many(30_000, (index) => `r${index}.relay A 9.9.9.9\nc${index} CNAME c`),
      ZONE,
    ).records;
    const start = performance.now();
    importZone(ZONE, toRecordSets([...regions, ...readZoneFile('relay1 A 9.9.9.9', ZONE).records]), PORTS);
    expect(performance.now() - start).toBeLessThan(6_000);
  }, 30_000);

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

describe('records beside ours', () => {
  const input = imported('gateway 300 IN A 9.0.0.1').input;
  it.each([
    ['gateway 300 IN A 9.0.0.2', /gateway\.q\.example A can't be exported/],
    ['gw 300 IN TXT "x"', /gw\.q\.example TXT/],
    ['@ 300 IN NS ns9.example.', /dns\.name_servers|has a setting/],
    ['@ 300 IN SOA a b 1 2 3 4 5', /quiver writes it/],
  ])('can not be %s', (line, message) => {
    expect(() => again({...imported(), input: {...input, records: [line]}})).toThrow(
      expect.objectContaining({code: 'DNS_FIELD', exit: 2, message: expect.stringMatching(message)}),
    );
  });
});
