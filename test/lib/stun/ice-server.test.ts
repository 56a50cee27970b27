import * as fc from 'fast-check';
import {describe, expect, it} from 'vitest';

import {QuiverError} from '../../../src/lib/core/errors.ts';
import {
  formatIceUrl,
  parseIceUrl,
  readIceAnswer,
  readIceServers,
  type IceUrl,
} from '../../../src/lib/stun/ice-server.ts';

const TURN = {urls: ['turn:turn.example:3478?transport=udp'], username: '1:did:peers:alice', credential: 'c2VjcmV0'};

describe('STUN and TURN URLs', () => {
  it.each<[string, IceUrl]>([
    ['stun:stun.example', {scheme: 'stun', host: 'stun.example', port: 3478, transport: 'udp'}],
    ['stuns:stun.example', {scheme: 'stuns', host: 'stun.example', port: 5349, transport: 'tcp'}],
    ['STUN:Stun.Example:1', {scheme: 'stun', host: 'stun.example', port: 1, transport: 'udp'}],
    ['turn:192.0.2.1:65535', {scheme: 'turn', host: '192.0.2.1', port: 65_535, transport: 'udp'}],
    ['turn:[2001:db8::1]?transport=tcp', {scheme: 'turn', host: '2001:db8::1', port: 3478, transport: 'tcp'}],
    ['turns:turn.example', {scheme: 'turns', host: 'turn.example', port: 5349, transport: 'tcp'}],
    ['turns:turn.example:443?transport=TCP', {scheme: 'turns', host: 'turn.example', port: 443, transport: 'tcp'}],
    ['turns:turn.example?transport=udp', {scheme: 'turns', host: 'turn.example', port: 5349, transport: 'udp'}],
  ])('reads %s', (text, parts) => {
    expect(parseIceUrl(text)).toEqual(parts);
  });

  it.each([
    '',
    'stun:',
    'stun://stun.example',
    'http://stun.example',
    'stun:stun.example?transport=udp',
    'turn:turn.example?transport=sctp',
    'turn:turn.example?transport=udp&x=1',
    'turn:user@turn.example',
    'turn:turn.example:0',
    'turn:turn.example:65536',
    'turn:turn.example:-1',
    'turn:-x.example',
    'turn:a..example',
    'turn:127.1',
    'turn:0x7f.0x1',
    'turn:2130706433',
    'turn:256.1.1.1',
    'turn:::1',
    'turn:[::1%eth0]',
    'turn:[1.2.3.4]',
    'turn:turn.example\n',
    'turn:türn.example',
    'turn:\u212A.example',
    `turn:${'a'.repeat(64)}.example`,
    `turn:${'a.'.repeat(140)}example`,
  ])('refuses %j', (text) => {
    expect(parseIceUrl(text)).toBeUndefined();
  });

  it('writes what it reads back', () => {
    const host = fc.oneof(
      fc.ipV4(),
      fc.ipV6(),
      fc.domain().map((name) => name.toLowerCase()),
    );
    const url = fc.oneof(
      fc.record({scheme: fc.constant('stun' as const), transport: fc.constant('udp' as const)}),
      fc.record({scheme: fc.constant('stuns' as const), transport: fc.constant('tcp' as const)}),
      fc.record({scheme: fc.constantFrom('turn' as const, 'turns' as const), transport: fc.constantFrom('udp', 'tcp')}),
    );
    fc.assert(
      fc.property(url, host, fc.integer({min: 1, max: 65_535}), (rest, name, port) => {
        const parts = {...rest, host: name.toLowerCase(), port} as IceUrl;
        expect(parseIceUrl(formatIceUrl(parts))).toEqual(parts);
      }),
    );
  });

  it('never throws', () => {
    const almost = fc.stringMatching(/^(stun|turns?):[a-z0-9.:[\]?=-]{0,40}$/);
    fc.assert(
      fc.property(fc.oneof(fc.string({unit: 'binary'}), almost), (text) => {
        const parts = parseIceUrl(text);
        if (parts !== undefined) expect(parseIceUrl(formatIceUrl(parts))).toEqual(parts);
      }),
    );
  });
});

describe('an answer of an ICE servers API', () => {
  it('is copied with what is known of it', () => {
    const answer = {
      ice_servers: [
        {urls: 'STUN:stun.example', extra: 1},
        {...TURN, credentialType: 'password'},
      ],
      ttl: 60,
    };
    expect(readIceAnswer(answer)).toEqual({servers: [{urls: ['stun:stun.example']}, TURN], ttlMs: 60_000});
    expect(readIceAnswer({ice_servers: []})).toEqual({servers: []});
  });

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['a list', []],
    ['no list', {ice_servers: {}}],
    ['no object', {ice_servers: [null]}],
    ['no urls', {ice_servers: [{urls: []}]}],
    ['a URL of the web', {ice_servers: [{urls: ['https://turn.example']}]}],
    ['a URL that is no text', {ice_servers: [{urls: [{toString: () => 'stun:stun.example'}]}]}],
    ['TURN without username', {ice_servers: [{...TURN, username: undefined}]}],
    ['TURN without credential', {ice_servers: [{...TURN, credential: ''}]}],
    ['a username too long', {ice_servers: [{...TURN, username: 'ü'.repeat(255)}]}],
    ['a username with a line break', {ice_servers: [{...TURN, username: 'a\nb'}]}],
    ['a lone surrogate', {ice_servers: [{...TURN, username: '\ud800'}]}],
    ['too many servers', {ice_servers: Array.from({length: 17}, () => TURN)}],
    ['too many URLs', {ice_servers: [{...TURN, urls: Array.from({length: 17}, () => TURN.urls[0])}]}],
    ['a time of NaN', {ice_servers: [], ttl: Number.NaN}],
    ['a time of years', {ice_servers: [], ttl: 1e9}],
  ])('is refused: %s', (_what, answer) => {
    expect(() => readIceAnswer(answer)).toThrow(expect.objectContaining({code: 'ICE_SERVERS_INVALID'}) as Error);
  });

  it('is read or refused, whatever it is, and never shown', () => {
    const text = fc.oneof(fc.string(), fc.constantFrom('stun:stun.example', 'turn:turn.example', 'secret'));
    const server = fc.record(
      {urls: fc.oneof(text, fc.array(text), fc.anything()), username: fc.anything(), credential: text},
      {requiredKeys: []},
    );
    fc.assert(
      fc.property(fc.oneof(fc.anything(), fc.array(fc.oneof(server, fc.anything()))), (list) => {
        try {
          const servers = readIceServers(list);
          expect(readIceServers(JSON.parse(JSON.stringify(servers)))).toEqual(servers);
        } catch (error) {
          expect(error).toBeInstanceOf(QuiverError);
          expect((error as Error).message).not.toContain('secret');
        }
      }),
      {numRuns: 2_000},
    );
  });
});
