import {expect, test} from 'vitest';

import {QuiverError} from '../../../src/lib/core/errors.ts';
import {resolveDnsaddr} from '../../../src/lib/p2p/dnsaddr.ts';
import {parseBootstrap, parsePeerAddress} from '../../../src/lib/p2p/peer-address.ts';

const ID = '12D3KooWHn8txawd1ZNkwEV6N57p4EN7HVae1ud58WVCF1otEm56';

test.each([
  [`/ip4/198.51.100.7/tcp/4001/p2p/${ID}`, 'address', ID],
  ['/dns4/bootstrap.quiver.example/tcp/4001', 'address', undefined],
  [`/ip6/2001:db8::1/udp/4001/quic-v1/p2p/${ID}`, 'address', ID],
  ['/dnsaddr/quiver.example', 'dnsaddr', undefined],
  [`/dnsaddr/quiver.example/p2p/${ID}`, 'dnsaddr', ID],
])('%s', (text, kind, peerId) => {
  const parsed = parsePeerAddress(text);
  expect(parsed).toMatchObject({text, kind});
  expect(parsed.peerId).toBe(peerId);
  expect(parsed.address.toString()).toBe(text);
});

test.each([
  ['198.51.100.7:4001', '/ip4/198.51.100.7/tcp/4001'],
  ['[2001:db8::1]:4001', '/ip6/2001:db8::1/tcp/4001'],
  ['bootstrap.quiver.example:4001', '/dns/bootstrap.quiver.example/tcp/4001'],
  ['localhost:1', '/ip4/127.0.0.1/tcp/1'],
])('%s', (text, address) => {
  expect(parsePeerAddress(text)).toMatchObject({text, kind: 'address'});
  expect(parsePeerAddress(text).address.toString()).toBe(address);
});

test('a bare peer id names a relay, but no bootstrap', () => {
  expect(parsePeerAddress(ID)).toMatchObject({kind: 'peer', peerId: ID});
  expect(() => parseBootstrap([ID])).toThrow(/peer id without an address/);
});

test.each([
  '',
  'nonsense',
  'host:',
  'host:0',
  'host:65536',
  '1.2.3.4.5:1',
  '256.1.1.1:4001',
  '/ip4/198.51.100.7',
  '/ip4/198.51.100.7/tcp/99999',
  '/tcp/4001',
  '/ip4/198.51.100.7/tcp/4001/p2p/nonsense',
  'http://quiver.example:80',
])('%j is a usage error that names the word', (text) => {
  try {
    parseBootstrap([text]);
  } catch (error) {
    expect(error).toBeInstanceOf(QuiverError);
    expect(error).toMatchObject({code: 'BAD_PEER_ADDRESS', exit: 2});
    expect((error as QuiverError).message).toContain(`"${text}"`);
    return;
  }
  expect.unreachable();
});

test('dnsaddr: lists of lists are followed, rubbish and endless circles are not', async () => {
  const zone = new Map([
    ['_dnsaddr.a.example', [['dnsaddr=/ip4/198.51.100.7/tcp/4001', `/p2p/${ID}`], ['v=spf1'], ['dnsaddr=/nonsense']]],
    ['_dnsaddr.b.example', [['dnsaddr=/dnsaddr/a.example'], ['dnsaddr=/dnsaddr/b.example']]],
  ]);
  const asked: string[] = [];
  const resolveTxt = async (name: string) => {
    asked.push(name);
    return zone.get(name) ?? [];
  };
  const {signal} = new AbortController();
  expect((await resolveDnsaddr('a.example', signal, resolveTxt)).map(String)).toEqual([
    `/ip4/198.51.100.7/tcp/4001/p2p/${ID}`,
  ]);
  expect((await resolveDnsaddr('b.example', signal, resolveTxt)).length).toBeGreaterThan(0);
  expect(asked.length).toBeLessThan(20);
});
