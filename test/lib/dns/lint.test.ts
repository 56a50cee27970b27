import {describe, expect, it} from 'vitest';

import type {LintRule} from '../../../src/lib/dns/lint/finding.ts';
import {lintZoneFile} from '../../../src/lib/dns/lint/lint.ts';
import {LAYOUTS} from '../../../src/lib/dns/model/topology.ts';
import {readTopology} from '../../../src/lib/dns/model/read-topology.ts';
import {readZoneFile} from '../../../src/lib/dns/read/zone-file.ts';
import {exportZone} from '../../../src/lib/dns/write/export-zone.ts';
import {network, peerId} from '../../support/dns/topologies.ts';

const ZONE = 'quiver.test';
const HEAD = [`$ORIGIN ${ZONE}.`, '@ 300 IN A 9.0.0.1', 'host 300 IN A 9.0.0.2', 'alias 300 IN CNAME host'];
const PEER = peerId(1);

function lint(...lines: string[]) {
  return lintZoneFile(ZONE, readZoneFile([...HEAD, ...lines].join('\n'), ZONE).records);
}

/** What each rule finds, and what looks like it and is right. */
const CASES: readonly [rule: LintRule, wrong: string[][], right: string[][]][] = [
  [
    'missing-dot',
    [
      [`www 300 IN CNAME host.${ZONE}`],
      [`www.${ZONE} 300 IN A 9.0.0.1`],
      [`@ 300 IN MX 10 ${ZONE}`],
      [`_stun._udp 300 IN SRV 0 0 3478 host.${ZONE}`],
    ],
    [[`www 300 IN CNAME host.${ZONE}.`], ['$ORIGIN .', `www.${ZONE} 300 IN A 9.0.0.1`], [`www 300 IN TXT ${ZONE}`]],
  ],
  [
    'dangling-target',
    [
      ['www 300 IN CNAME nowhere'],
      ['_stun._udp 300 IN SRV 0 0 3478 nowhere'],
      ['@ 300 IN MX 10 nowhere'],
      ['sub 300 IN NS nowhere'],
      ['@ 300 IN NAPTR 100 10 "s" "RELAY:turn.udp" "" _turn._udp'],
    ],
    [
      ['www 300 IN CNAME elsewhere.example.'],
      ['*.apps 300 IN A 9.0.0.3', 'www 300 IN CNAME one.apps'],
      ['sub 300 IN NS ns1.example.', 'www 300 IN CNAME host.sub'],
      ['@ 300 IN HTTPS 1 .'],
    ],
  ],
  [
    'target-is-alias',
    [['_stun._udp 300 IN SRV 0 0 3478 alias'], ['@ 300 IN MX 10 alias'], ['sub 300 IN NS alias']],
    [['_stun._udp 300 IN SRV 0 0 3478 host'], ['www 300 IN CNAME alias']],
  ],
  [
    'cname-beside-others',
    [['alias 300 IN A 9.0.0.4'], ['alias 300 IN TXT "x"']],
    [['alias 300 IN RRSIG CNAME 8 3 300 20300101000000 20200101000000 1 quiver.test. AA==']],
  ],
  ['mixed-ttl', [['host 600 IN A 9.0.0.3']], [['host 600 IN TXT "x"'], ['host 300 IN A 9.0.0.3']]],
  ['duplicate', [['host 300 IN A 9.0.0.2'], ['ALIAS 300 IN CNAME HOST']], [['host 300 IN AAAA 2600::1']]],
  [
    'not-proxiable',
    [
      ['relay1 1 IN A 9.0.0.5 ; cf_tags=cf-proxied:true'],
      ['registry 1 IN A 9.0.0.5 ; cf_tags=cf-proxied:true'],
      ['turn 1 IN CNAME host ; cf_tags=cf-proxied:true'],
      ['gateway 1 IN TXT "x" ; cf_tags=cf-proxied:true'],
    ],
    [
      ['gateway 1 IN A 9.0.0.5 ; cf_tags=cf-proxied:true'],
      ['www 1 IN A 9.0.0.5 ; cf_tags=cf-proxied:true'],
      ['relay1 1 IN A 9.0.0.5 ; cf_tags=cf-proxied:false'],
    ],
  ],
  [
    'private-address',
    [['www 300 IN A 10.1.2.3'], ['www 300 IN A 192.168.1.1'], ['www 300 IN A 127.0.0.1'], ['www 300 IN AAAA fd00::1']],
    [['www 300 IN A 9.1.2.3'], ['www 300 IN AAAA 2600::1']],
  ],
  [
    'dnsaddr',
    [
      ['_dnsaddr.bootstrap 300 IN TXT "no entry"'],
      ['_dnsaddr.bootstrap 300 IN TXT "dnsaddr=/ip4/9.0.0.1/tcp/4001"'],
      [`_dnsaddr.bootstrap 300 IN TXT "dnsaddr=/ip4/9.0.0.1/tcp/4001" "/p2p/${PEER}"`],
      [`_dnsaddr.bootstrap 300 IN TXT "dnsaddr=/ip4/9.0.0.1/tcp/4001/p2p/${PEER.slice(0, -1)}0"`],
      [`_dnsaddr.bootstrap 300 IN TXT "dnsaddr=/dnsaddr/bootstrap1.${ZONE}/p2p/${PEER}"`],
      Array.from(
        {length: 6},
        (_, index) => `_dnsaddr.bootstrap 300 IN TXT "dnsaddr=/ip4/9.0.0.${index}/tcp/4001/p2p/${PEER}"`,
      ),
    ],
    [
      [`_dnsaddr.bootstrap 300 IN TXT "dnsaddr=/ip4/9.0.0.1/tcp/4001/p2p/${PEER}"`],
      [`_dnsaddr.bootstrap 300 IN TXT "dnsaddr=/dnsaddr/bootstrap.other.example/p2p/${PEER}"`],
      [`_dnsaddr.bootstrap 300 IN TXT "dnsaddr=/dns4/host.${ZONE}/tcp/443/wss/p2p/${PEER}"`],
    ],
  ],
  [
    'foreign-bootstrap',
    [['bootstrap 300 IN CNAME bootstrap.libp2p.io.'], ['bootstrap2 300 IN CNAME x.dweb.link.']],
    [['bootstrap 300 IN CNAME bootstrap.friends.example.'], ['www 300 IN CNAME docs.libp2p.io.']],
  ],
];

describe.each(CASES)('the rule %s', (rule, wrong, right) => {
  it.each(wrong.map((lines) => [lines]))('finds %j, and says what to do', (lines) => {
    const found = lint(...lines).filter((finding) => finding.rule === rule);
    expect(found.length).toBeGreaterThan(0);
    for (const {fix, name, line, message} of found) {
      expect(name.endsWith(ZONE)).toBe(true);
      expect(line).toBeGreaterThan(1);
      expect([fix, message].every((text) => text.length > 10)).toBe(true);
    }
  });

  it.each(right.map((lines) => [lines]))('is content with %j', (lines) => {
    expect(lint(...lines).filter((finding) => finding.rule === rule)).toEqual([]);
  });
});

describe('an export', () => {
  it.each(LAYOUTS.flatMap((layout) => [1, 40].map((nodes) => ({layout, nodes}))))(
    'lints clean: %j',
    async (options) => {
      const topology = readTopology(network({...options, zone: ZONE}));
      for (const format of ['bind', 'cloudflare'] as const) {
        const {records} = readZoneFile(exportZone(topology, {format, date: new Date('2026-03-05')}), ZONE);
        expect(lintZoneFile(ZONE, records)).toEqual([]);
      }
    },
  );
});
