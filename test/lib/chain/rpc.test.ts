import {createServer, type RequestListener} from 'node:http';
import type {AddressInfo} from 'node:net';

import {afterEach, describe, expect, it} from 'vitest';

import {openChain} from '../../../src/lib/chain/open-chain.ts';
import {RpcClient} from '../../../src/lib/chain/rpc.ts';
import {startChain} from '../../support/local-chain.ts';
import {profileAt} from '../../support/profile-at.ts';

const closing: (() => void)[] = [];
afterEach(() => closing.splice(0).forEach((close) => close()));

/** A server of the kind that public chains have too many of. */
async function brokenServer(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A port that nobody listens on any more. */
async function deadServer(): Promise<string> {
  const url = await brokenServer(() => {});
  closing.pop()?.();
  return url;
}

describe('RPC servers', () => {
  it('takes the next one when one is down, silent, mad or tired of us', async () => {
    const {url} = await startChain();
    const mad = await brokenServer((_request, response) => response.end('<html>'));
    const silent = await brokenServer(() => {});
    const ill = await brokenServer((_request, response) => response.writeHead(502).end());
    const tired = await brokenServer((_request, response) => {
      response.end(JSON.stringify({jsonrpc: '2.0', id: 1, error: {code: -32_005, message: 'limit exceeded'}}));
    });
    const urls = [await deadServer(), mad, silent, ill, tired, url];
    const chain = await openChain(profileAt('', 31_337), {rpcUrls: urls, deadlineMs: 300});
    // The one that works is asked first from then on.
    const started = performance.now();
    expect((await chain.block('latest')).number).toBe(0);
    expect(performance.now() - started).toBeLessThan(250);
  });

  it('names each server and its fault when none answers, without paths and passwords', async () => {
    const host = (await deadServer()).replace('http://', '');
    const secret = `http://user:pass-canary@${host}/v2/key-canary`;
    const error = await openChain(profileAt('', 80_002), {rpcUrls: [secret]}).catch((caught: unknown) => caught);
    expect(error).toMatchObject({
      code: 'CHAIN_UNREACHABLE',
      message: `No RPC server of test 80002 answered: ${host} refused the connection`,
      fix: expect.stringContaining('quiver up'),
    });
    expect(JSON.stringify(error) + (error as Error).message).not.toContain('canary');
  });

  it('uses no server of another chain', async () => {
    const [wrong, right] = [await startChain({chainId: 1_337}), await startChain()];
    const open = openChain(profileAt('', 31_337), {rpcUrls: [wrong.url]});
    await expect(open).rejects.toMatchObject({
      code: 'CHAIN_WRONG_ID',
      exit: 4,
      message: expect.stringContaining('serves chain 1337'),
    });
    const chain = await openChain(profileAt('', 31_337), {rpcUrls: [wrong.url, right.url]});
    expect(Number(await chain.request('eth_chainId', []))).toBe(31_337);
  });

  it('checks the chain of a server that is only used after a failure', async () => {
    const first = await startChain();
    const other = await startChain({chainId: 1_337});
    const chain = await openChain(profileAt('', 31_337), {rpcUrls: [first.url, other.url]});
    await first.stop();
    await expect(chain.balance(first.accounts[0]!.address)).rejects.toMatchObject({code: 'CHAIN_WRONG_ID'});
  });

  it('follows no redirects and sends credentials as a header', async () => {
    let seen: string | undefined;
    const target = await brokenServer((request, response) => {
      seen = request.headers.authorization;
      response.end(JSON.stringify({jsonrpc: '2.0', id: 1, result: '0x7a69'}));
    });
    const redirecting = await brokenServer((_request, response) => {
      response.writeHead(307, {location: target}).end();
    });
    const client = (url: string) => new RpcClient({urls: [url], chainId: 31_337, chainName: 'test'});
    await expect(client(redirecting).request('eth_chainId', [])).rejects.toMatchObject({code: 'CHAIN_UNREACHABLE'});
    await client(target.replace('//', '//name:word@')).request('eth_chainId', []);
    expect(seen).toBe(`Basic ${Buffer.from('name:word').toString('base64')}`);
  });

  it('ends with its signal', async () => {
    const silent = await brokenServer(() => {});
    const signal = AbortSignal.timeout(50);
    await expect(openChain(profileAt(silent, 31_337), {signal})).rejects.toMatchObject({name: 'TimeoutError'});
  });

  it('reads no endless answer', async () => {
    const endless = await brokenServer((_request, response) => {
      const chunk = Buffer.alloc(1024 * 1024, ' ');
      const write = (): void => {
        while (!response.destroyed && response.write(chunk));
      };
      response.on('drain', write);
      write();
    });
    await expect(openChain(profileAt(endless, 31_337))).rejects.toMatchObject({
      code: 'CHAIN_UNREACHABLE',
      message: expect.stringContaining('too much'),
    });
  });
});
