import {createServer, type IncomingMessage, type ServerResponse} from 'node:http';
import type {AddressInfo} from 'node:net';

import {afterEach, beforeEach, describe, expect, it} from 'vitest';

import type {Deployments} from '../../../../src/lib/chain/deploy/deployments.ts';
import {publishAll, type ExplorerOptions} from '../../../../src/lib/chain/deploy/explorers.ts';

interface Seen {
  method: string;
  url: URL;
  body: string;
}

let seen: Seen[];
let answer: (request: Seen) => object;
let url: string;
let close: () => void;

// What explorers are known to do is written in their documents; none can be asked here.
beforeEach(async () => {
  seen = [];
  const reply = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const target = new URL(request.url ?? '', 'http://localhost');
    const one = {method: request.method ?? '', url: target, body: await readBody(request)};
    seen.push(one);
    response.end(JSON.stringify(answer(one)));
  };
  const server = createServer((request, response) => void reply(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  close = () => {
    server.closeAllConnections();
    server.close();
  };
});
afterEach(() => close());

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

const ADDRESS = '0x00000000000000000000000000000000000A11cE';
const deployments = {
  contracts: {QUIVToken: {address: ADDRESS, abiHash: '0x', constructorArguments: `0x${'ab'.repeat(32)}`}},
} as unknown as Deployments;

const options = (more: Partial<ExplorerOptions>): ExplorerOptions => ({
  kind: 'etherscan',
  url,
  apiKey: 'key',
  chainId: 80_002,
  signal: AbortSignal.timeout(10_000),
  pollMs: 10,
  ...more,
});

describe('publishing sources at Etherscan (v2)', () => {
  it('sends the compiler’s input and waits for the result', async () => {
    answer = ({method}) => {
      if (method === 'POST') return {status: '1', result: 'guid-1'};
      return seen.length < 4 ? {status: '0', result: 'Pending in queue'} : {status: '1', result: 'Pass - Verified'};
    };
    expect(await publishAll(deployments, options({}))).toEqual([
      {name: 'QUIVToken', address: ADDRESS, state: 'verified'},
    ]);
    const [sent, asked] = seen;
    expect(sent!.url.searchParams.get('chainid')).toBe('80002');
    const form = Object.fromEntries(new URLSearchParams(sent!.body));
    expect(form).toMatchObject({
      module: 'contract',
      action: 'verifysourcecode',
      codeformat: 'solidity-standard-json-input',
      contractaddress: ADDRESS,
      contractname: 'src/QUIVToken.sol:QUIVToken',
      compilerversion: 'v0.8.37+commit.f401782d',
      constructorArguements: 'ab'.repeat(32),
    });
    const input = JSON.parse(form['sourceCode']!) as {sources: Record<string, {content: string}>};
    expect(input.sources['src/QUIVToken.sol']!.content).toContain('contract QUIVToken');
    expect(asked!.url.searchParams.get('guid')).toBe('guid-1');
    expect(asked!.url.searchParams.get('chainid')).toBe('80002');
  });

  it('takes it for done when it was done before', async () => {
    answer = () => ({status: '0', result: 'Contract source code already verified'});
    expect(await publishAll(deployments, options({}))).toMatchObject([{state: 'already'}]);
  });

  it('says why it was refused, and what is missing', async () => {
    answer = () => ({status: '0', result: 'Invalid API Key'});
    await expect(publishAll(deployments, options({}))).rejects.toMatchObject({
      code: 'EXPLORER_REFUSED',
      message: 'etherscan refused: Invalid API Key',
    });
    await expect(publishAll(deployments, options({apiKey: undefined}))).rejects.toMatchObject({code: 'EXPLORER_KEY'});
    close();
    await expect(publishAll(deployments, options({}))).rejects.toMatchObject({code: 'EXPLORER_UNREACHABLE'});
  });
});

describe('publishing sources at Sourcify (v2)', () => {
  it('sends them and waits for the job', async () => {
    answer = ({method}) => {
      if (method === 'POST') return {verificationId: 'job-1'};
      return seen.length < 3 ? {isJobCompleted: false} : {isJobCompleted: true, contract: {match: 'exact_match'}};
    };
    expect(await publishAll(deployments, options({kind: 'sourcify'}))).toMatchObject([{state: 'verified'}]);
    expect(seen.map(({url: {pathname}}) => pathname)).toEqual([
      `/v2/verify/80002/${ADDRESS}`,
      '/v2/verify/job-1',
      '/v2/verify/job-1',
    ]);
    expect(JSON.parse(seen[0]!.body)).toMatchObject({
      compilerVersion: '0.8.37+commit.f401782d',
      contractIdentifier: 'src/QUIVToken.sol:QUIVToken',
      stdJsonInput: {language: 'Solidity', settings: {viaIR: true, evmVersion: 'cancun'}},
    });
  });

  it('says why it was refused', async () => {
    answer = ({method}) => {
      if (method === 'POST') return {verificationId: 'job-1'};
      return {isJobCompleted: true, error: {customCode: 'no_match', message: 'The code differs'}};
    };
    await expect(publishAll(deployments, options({kind: 'sourcify'}))).rejects.toMatchObject({
      message: 'sourcify refused: The code differs',
    });
  });
});
