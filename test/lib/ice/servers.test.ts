import {mkdtempSync, readFileSync, rmSync, statSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';

import {afterEach, beforeEach, describe, expect, it} from 'vitest';

import {ServerSource, type ServerApi} from '../../../src/lib/ice/servers.ts';
import {turnRoutes} from '../../../src/lib/ice/server-choice.ts';
import type {IceServer} from '../../../src/lib/stun/ice-server.ts';

const signal = new AbortController().signal;
const OWN: IceServer = {urls: ['turn:turn.example:3478?transport=udp'], username: '1:u', credential: 'canary'};
const PUBLIC = 'stun:stun.example:3478';

describe('the list of ICE servers', () => {
  let folder: string;
  let nowMs = 1_000_000;
  let down = false;
  let asked = 0;
  const api: ServerApi = {
    name: 'https://api.example',
    async ask() {
      asked++;
      if (down) throw new Error('down');
      return {servers: [OWN], ttlMs: 3_600_000};
    },
  };
  const source = (more: Partial<ConstructorParameters<typeof ServerSource>[0]> = {}): ServerSource =>
    new ServerSource({apis: [api], cacheFile: join(folder, 'ice.json'), now: () => nowMs, ...more});

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'qv-ice-'));
    [down, asked, nowMs] = [false, 0, 1_000_000];
  });
  afterEach(() => rmSync(folder, {recursive: true}));

  it('is kept for five minutes, for the next command too, where nobody else reads it', async () => {
    expect(await source().list(signal)).toEqual({servers: [OWN], from: 'api'});
    nowMs += 4 * 60_000;
    expect(await source().list(signal)).toEqual({servers: [OWN], from: 'cache'});
    expect(statSync(join(folder, 'ice.json')).mode & 0o777).toBe(0o600);
    nowMs += 2 * 60_000;
    expect(await source().list(signal)).toMatchObject({from: 'api'});
    expect(asked).toBe(2);
  });

  it('is the last one when the API is down, and says so', async () => {
    await source().list(signal);
    [down, nowMs] = [true, nowMs + 10 * 60_000];
    expect(await source().list(signal)).toMatchObject({
      servers: [OWN],
      from: 'stale-cache',
      problem: {code: 'ICE_API_DOWN'},
    });
  });

  it('has public servers only when they are switched on, and last', async () => {
    expect(await source({publicStun: [PUBLIC]}).list(signal)).toEqual({
      servers: [OWN, {urls: [PUBLIC]}],
      from: 'api',
    });
    rmSync(join(folder, 'ice.json'));
    down = true;
    expect(await source().list(signal)).toMatchObject({servers: [], from: 'none', problem: {code: 'ICE_API_DOWN'}});
    expect(await source({publicStun: [PUBLIC]}).list(signal)).toMatchObject({
      servers: [{urls: [PUBLIC]}],
      from: 'public',
    });
  });

  it('takes what signalling has told when no API answers', async () => {
    down = true;
    expect(await source({known: () => [OWN]}).list(signal)).toMatchObject({servers: [OWN], from: 'known'});
  });

  it('believes no damaged file, and none of another API', async () => {
    for (const text of ['', '{', '{"servers":7}', JSON.stringify({atMs: 0, untilMs: 9e15, apis: [], servers: [OWN]})]) {
      writeFileSync(join(folder, 'ice.json'), text);
      expect(await source().list(signal)).toMatchObject({from: 'api'});
    }
    expect(readFileSync(join(folder, 'ice.json'), 'utf8')).toContain('https://api.example');
  });

  it('asks once for all that ask at the same time', async () => {
    const one = source();
    await Promise.all([one.list(signal), one.list(signal), one.list(signal)]);
    expect(asked).toBe(1);
  });
});

it('finds the ways to a TURN server that can be gone', () => {
  const urls = [
    'stun:a.example',
    'turn:a.example',
    'turn:a.example?transport=tcp',
    'turns:a.example',
    'turns:a.example?transport=udp',
  ];
  expect(turnRoutes([{...OWN, urls}, {urls}]).map(({transport, port}) => [transport, port])).toEqual([
    ['udp', 3478],
    ['tcp', 3478],
    ['tls', 5349],
  ]);
});
