import {request} from 'node:http';

import {beforeEach, describe, expect, it} from 'vitest';

import {startChain, type TestChain} from '../../../support/local-chain.ts';

let chain: TestChain;
beforeEach(async () => {
  chain = await startChain();
});

interface Answer {
  status: number;
  headers: Record<string, unknown>;
  json: unknown;
}

function post(body: string, headers: Record<string, string> = {}): Promise<Answer> {
  const {promise, resolve, reject} = Promise.withResolvers<Answer>();
  const sent = request(chain.url, {method: 'POST', headers: {'content-type': 'application/json', ...headers}});
  sent.on('response', (response) => {
    const chunks: Buffer[] = [];
    response.on('data', (chunk: Buffer) => chunks.push(chunk));
    response.on('end', () => {
      const text = Buffer.concat(chunks).toString();
      resolve({
        status: response.statusCode!,
        headers: response.headers,
        json: text === '' ? undefined : JSON.parse(text),
      });
    });
  });
  sent.on('error', reject);
  sent.end(body);
  return promise;
}

const call = (method: string, params: unknown = [], id: unknown = 1) => ({jsonrpc: '2.0', id, method, params});

describe('the JSON-RPC server of a local chain', () => {
  it('answers one request and batches, in their order', async () => {
    const one = await post(JSON.stringify(call('eth_chainId')));
    expect(one.json).toEqual({jsonrpc: '2.0', id: 1, result: '0x7a69'});
    expect(one.headers).toMatchObject({'x-quiver': 'test', 'cache-control': 'no-store'});
    const batch = await post(JSON.stringify([call('eth_blockNumber', [], 'a'), call('nonsense', [], 2)]));
    expect(batch.json).toEqual([
      {jsonrpc: '2.0', id: 'a', result: '0x0'},
      {jsonrpc: '2.0', id: 2, error: {code: -32_601, message: expect.stringContaining('nonsense')}},
    ]);
  });

  it('can be called by the names of this machine only', async () => {
    const other = await post(JSON.stringify(call('eth_chainId')), {host: 'rebound.example'});
    expect(other).toMatchObject({status: 403, json: {code: 'WRONG_HOST'}});
  });

  it('takes no text from web pages', async () => {
    const form = await post(JSON.stringify(call('eth_chainId')), {'content-type': 'text/plain'});
    expect(form.status).toBe(415);
  });

  it('bounds what it is given', async () => {
    expect((await post(JSON.stringify(Array.from({length: 101}, () => call('eth_chainId'))))).json).toMatchObject({
      error: {code: -32_600, message: expect.stringContaining('100')},
    });
    expect((await post('[]')).json).toMatchObject({error: {code: -32_600}});
    const big = await post(JSON.stringify(call('eth_call', ['x'.repeat(1024 * 1024)]))).catch(() => undefined);
    expect(big === undefined || big.status === 413).toBe(true);
    // It is still there.
    expect((await post(JSON.stringify(call('eth_chainId')))).status).toBe(200);
  });

  it.each([
    '',
    'null',
    '7',
    '{}',
    '{"method":7}',
    '{"method":"eth_call","params":{}}',
    '[[]]',
    '{"method":"eth_call"}',
  ])('survives %j', async (body) => {
    const {json} = await post(body);
    expect(json).toSatisfy((answer: unknown) => JSON.stringify(answer).includes('error'));
    expect((await post(JSON.stringify(call('eth_chainId')))).status).toBe(200);
  });

  it('names who has its port', async () => {
    const port = Number(new URL(chain.url).port);
    await expect(startChain({port})).rejects.toMatchObject({
      code: 'PORT_IN_USE',
      fix: expect.stringContaining(`--port ${port + 10}`),
    });
  });
});
