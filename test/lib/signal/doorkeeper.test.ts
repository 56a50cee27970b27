import {describe, expect, it} from 'vitest';

import {sealSignalToken, SIGNAL_TOKEN_LIFE_MS} from '../../../src/lib/records/signal-token.ts';
import {Doorkeeper} from '../../../src/lib/signal/doorkeeper.ts';
import {bytesOf, sourceOf} from '../../../src/lib/signal/source.ts';
import {newKey, peerOf, PROTOCOL} from './support/signal.ts';

const NOW = 1_800_000_000_000;
const key = await newKey();
const right = {protocol: PROTOCOL, room: 'room', audience: 'signal.example.org:443'};
const doorkeeper = (allowedPeers: readonly string[] = []) =>
  new Doorkeeper({protocol: PROTOCOL, audiences: () => new Set(['signal.example.org:443']), allowedPeers});

describe('the doorkeeper', () => {
  it('lets in whose token is for this server, or for any', async () => {
    const keeper = doorkeeper();
    for (const audience of [right.audience, '']) {
      const token = await sealSignalToken({...right, audience}, key, {now: NOW});
      expect(await keeper.admit(token, 'room', NOW)).toBe(peerOf(key));
    }
  });

  it.each([
    ['another network', {...right, protocol: '/quiver/other/signal/1.0.0'}, 'room', 'SIGNAL_TOKEN'],
    ['another room', right, 'other', 'SIGNAL_TOKEN'],
    ['another server', {...right, audience: 'signal.example.org:8081'}, 'room', 'SIGNAL_TOKEN'],
  ])('keeps out with a token for %s', async (_what, token, room, code) => {
    const sealed = await sealSignalToken(token, key, {now: NOW});
    await expect(doorkeeper().admit(sealed, room, NOW)).rejects.toMatchObject({code});
  });

  it('tells nobody under which names and addresses the server is known', async () => {
    const sealed = await sealSignalToken({...right, audience: 'signal.example.org:8081'}, key, {now: NOW});
    const keeper = new Doorkeeper({protocol: PROTOCOL, audiences: () => new Set(['10.0.0.5:443', '172.17.0.1:443'])});
    const error: unknown = await keeper.admit(sealed, 'room', NOW).catch((reason: unknown) => reason);
    expect(error).toMatchObject({code: 'SIGNAL_TOKEN', message: expect.stringContaining('signal.example.org:8081')});
    expect(JSON.stringify(error) + String(error)).not.toMatch(/10\.0\.0\.5|172\.17/);
  });

  it('keeps out without a token, or with one that is none', async () => {
    await expect(doorkeeper().admit(undefined, 'room')).rejects.toMatchObject({code: 'SIGNAL_TOKEN'});
    await expect(doorkeeper().admit('', 'room')).rejects.toMatchObject({code: 'SIGNAL_TOKEN'});
    await expect(doorkeeper().admit('abc', 'room')).rejects.toMatchObject({code: 'RECORD_INVALID'});
  });

  it('takes a token once, for as long as it could count', async () => {
    const keeper = doorkeeper();
    const token = await sealSignalToken(right, key, {now: NOW});
    await keeper.admit(token, 'room', NOW);
    await expect(keeper.admit(token, 'room', NOW)).rejects.toMatchObject({code: 'SIGNAL_TOKEN_USED'});
    const last = NOW + SIGNAL_TOKEN_LIFE_MS + 30_000;
    await expect(keeper.admit(token, 'room', last)).rejects.toMatchObject({code: 'SIGNAL_TOKEN_USED'});
    await expect(keeper.admit(token, 'room', last + 1)).rejects.toMatchObject({code: 'RECORD_EXPIRED'});
  });

  it('lets in nobody else where there is a list', async () => {
    const token = () => sealSignalToken(right, key, {now: NOW});
    expect(await doorkeeper([peerOf(key)]).admit(await token(), 'room', NOW)).toBe(peerOf(key));
    const stranger = doorkeeper([peerOf(await newKey())]);
    await expect(stranger.admit(await token(), 'room', NOW)).rejects.toMatchObject({code: 'SIGNAL_NOT_ALLOWED'});
  });
});

describe('sources', () => {
  it('count an IPv6 /64 as one, and IPv4 in IPv6 as IPv4', () => {
    const of = (text: string): string => sourceOf(bytesOf(text));
    expect(of('2001:db8::1')).toBe(of('2001:db8::ffff:1'));
    expect(of('2001:db8::1')).not.toBe(of('2001:db8:0:1::1'));
    expect(of('::ffff:192.0.2.1')).toBe(of('192.0.2.1'));
    expect(of('fe80::1%eth0')).toBe(of('fe80::2'));
    expect(of('garbage')).toBe('00000000');
  });
});
