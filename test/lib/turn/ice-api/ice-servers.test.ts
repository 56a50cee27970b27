import {createHmac} from 'node:crypto';

import {describe, expect, it} from 'vitest';

import type {ServiceInfo} from '../../../../src/lib/service/service.ts';
import {readIceAnswer} from '../../../../src/lib/stun/ice-server.ts';
import {iceServers, ownUrls} from '../../../../src/lib/turn/ice-api/ice-servers.ts';

const URLS = [
  'stun:turn.example:3478',
  'turn:turn.example:3478?transport=udp',
  'turns:turn.example:5349?transport=tcp',
];
const SECRET = 'correct-horse-battery-staple';
const NOW_MS = 1_700_000_000_500;
const ask = {
  user: 'did:peers:alice',
  secret: SECRET,
  urls: URLS,
  publicFallback: [],
  lifetimeMs: 3_600_000,
  nowMs: NOW_MS,
};

function info(kind: string, addresses: string[], publicAddresses: string[] = []): ServiceInfo {
  return {name: kind, kind, status: 'ready', addresses, publicAddresses, metadata: {}};
}

describe('the list of ICE servers', () => {
  it('is the one of the document, with a credential that any TURN server with the secret accepts', () => {
    const answer = iceServers(ask);
    expect(answer).toEqual({
      ice_servers: [
        {
          urls: URLS,
          username: '1700003600:did:peers:alice',
          credential: createHmac('sha1', SECRET).update('1700003600:did:peers:alice').digest('base64'),
        },
      ],
      ttl: 3_600,
    });
    expect(readIceAnswer(JSON.parse(JSON.stringify(answer))).servers).toEqual(answer.ice_servers);
  });

  it('has the HMAC that was asked for', () => {
    const [server] = iceServers({...ask, algorithm: 'sha256'}).ice_servers;
    expect(server?.credential).toBe(createHmac('sha256', SECRET).update(server!.username!).digest('base64'));
  });

  it('names others after our own, and without credentials', () => {
    const {ice_servers: servers} = iceServers({...ask, publicFallback: ['stun:stun.example:3478']});
    expect(servers.map(({urls}) => urls)).toEqual([URLS, ['stun:stun.example:3478']]);
    expect(servers[1]).not.toHaveProperty('credential');
  });

  it('has no TURN server without a secret, and nothing where there is nothing', () => {
    expect(iceServers({...ask, secret: undefined}).ice_servers).toEqual([{urls: [URLS[0]]}]);
    expect(iceServers({...ask, secret: undefined, urls: [URLS[1]!]}).ice_servers).toEqual([]);
    expect(iceServers({...ask, urls: [URLS[0]!]}).ice_servers).toEqual([{urls: [URLS[0]]}]);
    expect(iceServers({...ask, urls: []}).ice_servers).toEqual([]);
  });
});

describe('our own URLs', () => {
  const turn = info('network.turn', ['turn:10.0.0.2:3478?transport=udp', 'turn:10.0.0.2:3478?transport=tcp']);

  it('are those of the services, STUN first, which TURN answers too', () => {
    expect(ownUrls(undefined, turn)).toEqual([
      'stun:10.0.0.2:3478',
      'turn:10.0.0.2:3478?transport=udp',
      'turn:10.0.0.2:3478?transport=tcp',
    ]);
    expect(ownUrls(info('network.stun', ['stun:10.0.0.3:3478']), turn)[0]).toBe('stun:10.0.0.3:3478');
    expect(ownUrls(info('network.stun', ['stun:10.0.0.3:3478']), turn)).toHaveLength(3);
    expect(ownUrls(undefined, undefined)).toEqual([]);
  });

  it('are those that others are told', () => {
    const behindNat = info('network.turn', turn.addresses, ['turn:203.0.113.7:3478?transport=udp']);
    expect(ownUrls(undefined, behindNat)).toEqual(['stun:203.0.113.7:3478', 'turn:203.0.113.7:3478?transport=udp']);
  });

  it('are none that nobody could use', () => {
    const odd = ['turn:0.0.0.0:3478', 'turn:[::]:3478', '/ip4/127.0.0.1/tcp/1', 'http://turn.example', 'turn:a b'];
    expect(ownUrls(undefined, info('network.turn', odd))).toEqual([]);
  });
});
