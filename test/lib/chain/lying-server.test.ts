import {once} from 'node:events';
import {createServer, type IncomingMessage, type Server, type ServerResponse} from 'node:http';
import type {AddressInfo} from 'node:net';
import {json} from 'node:stream/consumers';

import {Transaction} from 'ethers';
import {afterEach, beforeEach, describe, expect, it} from 'vitest';

import type {Chain} from '../../../src/lib/chain/chain.ts';
import {costOf} from '../../../src/lib/chain/cost.ts';
import {execute, type ExecuteOptions} from '../../../src/lib/chain/execute.ts';
import {quivTokenAbi} from '../../../src/lib/chain/gen/quiv-token.ts';
import {TransactionJournal} from '../../../src/lib/chain/journal.ts';
import {openChain} from '../../../src/lib/chain/open-chain.ts';
import type {TransactionPlan} from '../../../src/lib/chain/plan.ts';
import type {NetworkProfile} from '../../../src/lib/config/profile.ts';
import {startChain, type TestChain} from '../../support/local-chain.ts';
import {profileAt} from '../../support/profile-at.ts';

const ALICE = '0x00000000000000000000000000000000000A11cE';
const GWEI = 10n ** 9n;
const hex = (value: bigint | number): string => `0x${value.toString(16)}`;

let test: TestChain;
let chain: Chain;
let journal: TransactionJournal;
let server: Server | undefined;

beforeEach(async () => {
  test = await startChain();
  chain = await test.connect();
  journal = new TransactionJournal(':memory:');
});
afterEach(() => {
  journal.close();
  server?.close();
});

/** Answers one method with something else; `undefined` leaves an answer as it is. */
function lie(method: string, answer: (truth: unknown) => unknown): void {
  const ask = chain.request.bind(chain);
  chain.request = async (asked, params) => {
    const truth = await ask(asked, params);
    return asked === method ? (answer(truth) ?? truth) : truth;
  };
}

/** A server of our own. */
async function serve(answer: (method: string) => object): Promise<NetworkProfile> {
  const respond = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const {method} = (await json(request)) as {method: string};
    response.end(JSON.stringify({jsonrpc: '2.0', id: 1, ...answer(method)}));
  };
  server = createServer((request, response) => void respond(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return profileAt(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, 31_337);
}

function plan(value = 1n): TransactionPlan {
  const step = {what: 'Give', to: ALICE, data: '0x', value};
  return {kind: 'test', key: String(value), title: 'Give', from: test.account('staker').address, steps: [step]};
}

const options = (more: Partial<ExecuteOptions> = {}): ExecuteOptions => ({
  chain,
  journal,
  signer: test.signer('staker'),
  timing: {pollMs: 5, stuckMs: 50, giveUpMs: 400},
  ...more,
});

describe('a server that answers nonsense', () => {
  const NONSENSE = [null, 7, 'soon', '0x', '0xzz', {}, [], '<html>', `0x${'f'.repeat(100)}`];

  it('is an error with a fix, whatever was asked', async () => {
    const {address} = test.account('staker');
    const token = () => chain.contract(quivTokenAbi, ALICE);
    const questions: [method: string, ask: () => Promise<unknown>][] = [
      ['eth_getBalance', () => chain.balance(address)],
      ['eth_getTransactionCount', () => chain.nonce(address, 'pending')],
      ['eth_estimateGas', () => chain.estimateGas({to: ALICE, data: '0x'})],
      ['eth_feeHistory', () => chain.fees()],
      ['eth_getBlockByNumber', () => chain.block('latest')],
      ['eth_call', () => token().read('balanceOf', [address])],
      ['eth_getLogs', () => token().events('Transfer')],
    ];
    for (const [method, ask] of questions) {
      for (const answer of NONSENSE.filter((one) => !(method === 'eth_getLogs' && Array.isArray(one)))) {
        chain = await test.connect();
        chain.request = (asked) => Promise.resolve(asked === method ? answer : '0x1');
        const code = method === 'eth_getBlockByNumber' && answer === null ? 'CHAIN_REFUSED' : 'CHAIN_ANSWER';
        await expect(ask(), `${method} ${JSON.stringify(answer)}`).rejects.toMatchObject({code});
      }
    }
  });

  it('about a receipt: it is waited for, and no other transaction is taken for ours', async () => {
    const hash = hex(10n ** 70n)
      .slice(0, 66)
      .padEnd(66, '0');
    for (const answer of [{}, {transactionHash: '\u001b[2J'}, 'mined', 7]) {
      chain.request = () => Promise.resolve(answer);
      await expect(chain.receipt(hash)).rejects.toMatchObject({code: 'CHAIN_ANSWER'});
    }
    chain = await test.connect();
    const {steps} = await execute(plan(), options());
    lie('eth_getTransactionReceipt', (truth) => truth);
    await expect(chain.receipt(steps[0]!.hash!)).resolves.toMatchObject({ok: true});
    lie('eth_getTransactionReceipt', (truth) => ({...(truth as object), transactionHash: hash}));
    await expect(chain.receipt(steps[0]!.hash!)).rejects.toMatchObject({code: 'CHAIN_ANSWER'});
  });

  it('about its first block: no chain is opened', async () => {
    const profile = await serve((method) => ({result: method === 'eth_chainId' ? '0x7a69' : {hash: 5}}));
    await expect(openChain(profile)).rejects.toMatchObject({code: 'CHAIN_ANSWER'});
  });

  it('about which chain it serves: it is one that failed', async () => {
    for (const [answer, words] of [
      [{error: {code: -32_000, message: 'no key'}}, 'refused (no key)'],
      [{result: 'a'.repeat(1_000)}, 'does not say which chain it serves'],
      [{result: {}}, 'does not say which chain it serves'],
    ] as const) {
      const opened = openChain(await serve(() => answer));
      await expect(opened).rejects.toMatchObject({code: 'CHAIN_UNREACHABLE', message: expect.stringContaining(words)});
      server?.close();
    }
  });

  it('refuses everything else: a clear error', async () => {
    const profile = await serve((method) =>
      method === 'eth_chainId' ? {result: '0x7a69'} : {error: {code: -32_000, message: 'pruned'}},
    );
    await expect(openChain(profile)).rejects.toMatchObject({
      code: 'CHAIN_REFUSED',
      message: expect.stringContaining('pruned'),
    });
  });

  it('is not quoted at length', async () => {
    const profile = await serve(() => ({error: {code: -1, message: 'x'.repeat(1_000_000)}}));
    const error = await openChain(profile).catch((reason: Error) => reason);
    expect((error as Error).message.length).toBeLessThan(1_000);
  });
});

describe('a server that lies', () => {
  it('about tips: no more than a bounded one is offered', async () => {
    lie('eth_feeHistory', () => ({baseFeePerGas: [hex(GWEI)], reward: [[hex(10n ** 18n)]]}));
    expect((await chain.fees()).maxPriorityFeePerGas).toBe(500n * GWEI);
  });

  it('about the price until it is confirmed: nothing is sent for more than that', async () => {
    const cost = await costOf(chain, plan());
    lie('eth_feeHistory', () => ({baseFeePerGas: [hex(4_000n * GWEI)], reward: [[hex(400n * GWEI)]]}));
    const refused = execute(plan(), options({maxPol: cost.total.maxPol}));
    await expect(refused).rejects.toMatchObject({code: 'COST_GREW', exit: 4});
    expect(await chain.balance(ALICE)).toBe(0n);
    const again = await costOf(chain, plan());
    await expect(execute(plan(), options({maxPol: again.total.maxPol}))).resolves.toMatchObject({resumed: false});
  });

  it.each([
    ['refuse', undefined],
    ['queue', (raw: string) => Transaction.from(raw).hash],
  ] as const)('about a nonce, far too high, where servers %s such: it alone waits', async (_what, accept) => {
    const honest = chain.request.bind(chain);
    let told = false;
    lie('eth_getTransactionCount', (truth) => {
      const answer = told ? truth : hex(BigInt(truth as string) + 1_000n);
      told = true;
      return answer;
    });
    if (accept !== undefined) {
      const lied = chain.request;
      chain.request = (method, params) =>
        method === 'eth_sendRawTransaction' ? Promise.resolve(accept(String(params[0]))) : lied(method, params);
    }
    const timing = {pollMs: 5, stuckMs: 20, giveUpMs: 50};
    await expect(execute(plan(1n), options({timing}))).rejects.toMatchObject({
      code: 'TX_PENDING',
      message: expect.stringMatching(/number 1\d\d\d of its account, whose next one is \d+:/),
    });
    chain.request = honest;
    await execute(plan(2n), options());
    await execute(plan(3n), options());
    expect(await chain.balance(ALICE)).toBe(5n);
  });
});
