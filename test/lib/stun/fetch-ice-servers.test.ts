import {createServer, type RequestListener, type Server} from 'node:http';
import {once} from 'node:events';
import type {AddressInfo} from 'node:net';

import {afterEach, describe, expect, it} from 'vitest';

import {fetchIceServers} from '../../../src/lib/stun/fetch-ice-servers.ts';

const TOKEN = 'f'.repeat(64);
const LIST = {ice_servers: [{urls: ['stun:stun.example:3478']}], ttl: 60};
const servers: Server[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) {
    server.close();
    server.closeAllConnections();
  }
});

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const ask = (url: string, more: {user?: string; token?: string; signal?: AbortSignal} = {}) =>
  fetchIceServers({url, user: 'did:peers:alice', signal: AbortSignal.timeout(5_000), ...more});

describe('an ICE servers API', () => {
  it('is asked for a user, at the usual path, with a token where there is one', async () => {
    const asked: (string | undefined)[][] = [];
    const url = await serve((request, response) => {
      asked.push([request.url, request.headers.authorization]);
      response.end(JSON.stringify(LIST));
    });
    expect(await ask(url)).toEqual({servers: LIST.ice_servers, ttlMs: 60_000});
    await ask(`${url}/other?x=1`, {user: 'bob', token: TOKEN});
    expect(asked).toEqual([
      ['/api/v1/turn/ice-servers?user_did=did%3Apeers%3Aalice', undefined],
      ['/other?x=1&user=bob', `Bearer ${TOKEN}`],
    ]);
  });

  it.each<[string, RequestListener, string]>([
    ['what is no list', (_, response) => response.end('{}'), 'ICE_SERVERS_INVALID'],
    ['what is no JSON', (_, response) => response.end('<html>'), 'ICE_SERVERS_INVALID'],
    ['too much', (_, response) => response.end(`"${'x'.repeat(200_000)}"`), 'ICE_API_UNREACHABLE'],
    [
      'half an answer',
      (_, response) => response.writeHead(200, {'content-length': 10}).write('{', () => response.destroy()),
      'ICE_API_UNREACHABLE',
    ],
    [
      'a redirect',
      (_, response) => response.writeHead(302, {location: 'http://127.0.0.1:1/'}).end(),
      'ICE_API_UNREACHABLE',
    ],
    ['401', (_, response) => response.writeHead(401).end(), 'ICE_API_REFUSED'],
    ['429', (_, response) => response.writeHead(429).end(), 'ICE_API_LIMITED'],
    ['500', (_, response) => response.writeHead(500).end(), 'ICE_API_REFUSED'],
  ])('that answers with %s is an error', async (_what, listener, code) => {
    await expect(ask(await serve(listener), {token: TOKEN})).rejects.toMatchObject({
      code,
      message: expect.not.stringContaining('ffff') as string,
      fix: expect.not.stringContaining('ffff') as string,
    });
  });

  it('that is not there, or not one, is an error', async () => {
    await expect(ask('http://127.0.0.1:1')).rejects.toMatchObject({code: 'ICE_API_UNREACHABLE'});
    for (const url of ['nonsense', 'file:///etc/passwd', 'http://me:secret@127.0.0.1/']) {
      await expect(ask(url)).rejects.toMatchObject({
        code: 'ICE_API_URL',
        message: expect.not.stringContaining('secret') as string,
      });
    }
  });

  it('that says nothing is left when the caller has had enough', async () => {
    const url = await serve(() => {});
    await expect(ask(url, {signal: AbortSignal.timeout(100)})).rejects.toThrow(/timeout/);
  });
});
