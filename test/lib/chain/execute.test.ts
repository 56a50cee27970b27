import {join} from 'node:path';
import {DatabaseSync} from 'node:sqlite';

import {Transaction} from 'ethers';
import {afterEach, beforeEach, describe, expect, it, vi} from 'vitest';

import type {Chain} from '../../../src/lib/chain/chain.ts';
import {costOf} from '../../../src/lib/chain/cost.ts';
import type {Deployments} from '../../../src/lib/chain/deploy/deployments.ts';
import {execute, type ExecuteOptions} from '../../../src/lib/chain/execute.ts';
import {quivTokenAbi} from '../../../src/lib/chain/gen/quiv-token.ts';
import {quiverStakingAbi} from '../../../src/lib/chain/gen/quiver-staking.ts';
import {TransactionJournal} from '../../../src/lib/chain/journal.ts';
import {planText, type StepProgress, type TransactionPlan} from '../../../src/lib/chain/plan.ts';
import {fromHex, toHex} from '../../../src/lib/core/bytes.ts';
import {generatePaymentSecret, paymentKeyFromBytes} from '../../../src/lib/core/secp256k1.ts';
import {keySigner} from '../../../src/lib/identity/signer.ts';
import {startChain, type TestChain} from '../../support/local-chain.ts';
import {temporaryFolder} from '../../support/temporary-folder.ts';

const QUIV = 10n ** 18n;
const ALICE = '0x00000000000000000000000000000000000A11cE';
const BOB = '0x0000000000000000000000000000000000000B0b';

let test: TestChain;
let chain: Chain;
let deployments: Deployments;
let journal: TransactionJournal;

beforeEach(async () => {
  test = await startChain();
  deployments = await test.setUp();
  chain = await test.connect();
  journal = new TransactionJournal(join(temporaryFolder(), 'transactions.db'));
});
afterEach(() => journal.close());

const token = () => chain.contract(quivTokenAbi, deployments.contracts.QUIVToken!.address);
const staking = () => chain.contract(quiverStakingAbi, deployments.contracts.QUIVerStaking!.address);
const balance = (address: string) => token().read('balanceOf', [address]);

function transferPlan(...to: [string, bigint][]): TransactionPlan {
  return {
    kind: 'test',
    key: to.join(),
    title: 'Give',
    from: test.account('staker').address,
    steps: to.map(([address, amount]) => ({
      what: `Give ${amount}`,
      to: token().address,
      data: token().encode('transfer', [address, amount]),
      quiv: amount,
    })),
  };
}

const options = (more: Partial<ExecuteOptions> = {}): ExecuteOptions => ({
  chain,
  journal,
  signer: test.signer('staker'),
  ...more,
});

/** Signs with the account outside of the journal, as another wallet would. */
async function spendNonceElsewhere(nonce: number): Promise<void> {
  const fees = {maxFeePerGas: 10n ** 11n, maxPriorityFeePerGas: 10n ** 9n};
  const made = Transaction.from({type: 2, chainId: 31_337, nonce, to: BOB, value: 1, gasLimit: 21_000, ...fees});
  made.signature = toHex(paymentKeyFromBytes(test.account('staker').secret).sign(fromHex(made.unsignedHash)!));
  await chain.request('eth_sendRawTransaction', [made.serialized]);
}

describe('a plan', () => {
  it('shows what it costs before anything is signed', async () => {
    const amount = 1_000n * QUIV;
    const {address} = staking();
    const plan: TransactionPlan = {
      kind: 'stake',
      key: '1000',
      title: 'Stake 1000 QUIV',
      from: test.account('staker').address,
      steps: [
        {what: 'Approve', to: token().address, data: token().encode('approve', [address, amount]), gas: 50_000n},
        {what: 'Stake', to: address, data: staking().encode('stake', [amount, false]), quiv: amount, gas: 150_000n},
      ],
    };
    const cost = await costOf(chain, plan);
    expect(cost.steps.map(({simulated}) => simulated)).toEqual([true, false]);
    expect(cost.total).toMatchObject({quiv: amount, gas: cost.steps[0]!.gas + 150_000n});
    expect(planText(plan, cost)).toMatch(
      /1\. Approve {2}\(0\.\d+ POL\)\n {2}2\. Stake {2}\(0\.\d+ POL, about\)\nCosts about/,
    );
    const result = await execute(plan, options());
    expect(result).toMatchObject({resumed: false, steps: [{status: 'mined'}, {status: 'mined', what: 'Stake'}]});
    expect((await staking().read('accountInfo', [plan.from])).staked).toBe(amount);
  });

  it('is carried out once, and anew when it is asked for again', async () => {
    const plan = transferPlan([ALICE, 1n], [BOB, 2n]);
    const phases: string[] = [];
    const onStep = ({index, phase}: StepProgress) => phases.push(`${index} ${phase}`);
    const first = await execute(plan, options({onStep}));
    expect(phases).toEqual([
      '0 simulating',
      '0 signing',
      '0 sent',
      '0 mined',
      '1 simulating',
      '1 signing',
      '1 sent',
      '1 mined',
    ]);
    const second = await execute(plan, options());
    expect(second.id).not.toBe(first.id);
    expect([await balance(ALICE), await balance(BOB)]).toEqual([2n, 4n]);
  });

  it('runs beside others of the same account', async () => {
    const plans = Array.from({length: 12}, (_, index) => transferPlan([ALICE, BigInt(index + 1)], [BOB, 1n]));
    await Promise.all(plans.map((plan) => execute(plan, options())));
    expect([await balance(ALICE), await balance(BOB)]).toEqual([78n, 12n]);
  });
});

describe('what can go wrong with a plan', () => {
  it('the contract refuses: its reason in words, and nothing was sent', async () => {
    const nonce = await chain.nonce(test.account('staker').address, 'latest');
    const plan = transferPlan([ALICE, 10n ** 30n]);
    await expect(execute(plan, options())).rejects.toMatchObject({
      code: 'REVERTED',
      message: expect.stringMatching(
        /has 1000000 QUIV, and this takes 1000000000000 QUIV \(ERC20InsufficientBalance\)/,
      ),
      fix: expect.stringContaining('quiver chain faucet'),
    });
    await expect(costOf(chain, plan)).rejects.toMatchObject({code: 'REVERTED'});
    expect(await chain.nonce(plan.from, 'latest')).toBe(nonce);
    const small = {...staking(), data: staking().encode('stake', [1n, false])};
    const tooSmall = chain.call({from: plan.from, to: small.address, data: small.data});
    await expect(tooSmall).rejects.toMatchObject({message: expect.stringContaining('the least is 1000 QUIV')});
  });

  it('the account has no POL', async () => {
    const poor = keySigner(generatePaymentSecret());
    const plan = {...transferPlan([ALICE, 0n]), from: poor.address};
    await expect(execute(plan, options({signer: poor}))).rejects.toMatchObject({
      code: 'CHAIN_FUNDS',
      message: expect.stringContaining('has 0 POL'),
      fix: `quiver chain faucet ${poor.address}`,
    });
  });

  it('the signer is another account, or signs with another key', async () => {
    const plan = transferPlan([ALICE, 1n]);
    await expect(execute(plan, options({signer: test.signer('client')}))).rejects.toMatchObject({
      code: 'SIGNER_ACCOUNT',
    });
    const liar = {...test.signer('client'), address: plan.from};
    await expect(execute(plan, options({signer: liar}))).rejects.toMatchObject({
      code: 'SIGNER_WRONG',
      message: expect.stringContaining(`with the key of ${test.account('client').address}`),
    });
    const honest = test.signer('staker');
    const meddler: ExecuteOptions['signer'] = {
      ...honest,
      signTransaction: (transaction, signal) => honest.signTransaction({...transaction, to: BOB}, signal),
    };
    await expect(execute(plan, options({signer: meddler}))).rejects.toMatchObject({
      code: 'SIGNER_WRONG',
      message: expect.stringContaining('another transaction than it was given'),
    });
    expect(await balance(ALICE)).toBe(0n);
  });

  it('another wallet used the nonce first: planned again with the next one, once', async () => {
    const plan = transferPlan([ALICE, 5n]);
    const nonce = await chain.nonce(plan.from, 'latest');
    const send = chain.request.bind(chain);
    let taken = false;
    chain.request = async (method, params) => {
      if (method === 'eth_sendRawTransaction' && !taken) {
        taken = true;
        await spendNonceElsewhere(nonce);
      }
      return send(method, params);
    };
    await execute(plan, options());
    expect(await balance(ALICE)).toBe(5n);
    expect(await chain.nonce(plan.from, 'latest')).toBe(nonce + 2);
  });

  it('the fee is too low by the time it is sent: sent again with a higher one', async () => {
    const phases: string[] = [];
    const fees = chain.fees.bind(chain);
    let cheap = true;
    chain.fees = async () => {
      const usual = await fees();
      if (!cheap) return usual;
      cheap = false;
      return {gasPrice: 1n, maxFeePerGas: 1n, maxPriorityFeePerGas: 1n};
    };
    await execute(transferPlan([ALICE, 5n]), options({onStep: ({phase}) => phases.push(phase)}));
    expect(phases).toEqual(['simulating', 'signing', 'sent', 'replaced', 'sent', 'mined']);
    expect(await balance(ALICE)).toBe(5n);
  });

  it('nobody mines it: replaced with higher fees, one of them mined', async () => {
    await test.chain.request('evm_setAutomine', [false]);
    const attempts = new Set<string>();
    const done = execute(
      transferPlan([ALICE, 5n]),
      options({
        timing: {pollMs: 10, stuckMs: 80, giveUpMs: 20_000},
        onStep: ({phase, hash}) => {
          if (phase === 'replaced' || phase === 'sent') attempts.add(hash ?? '');
          if (attempts.size === 3) void test.chain.request('evm_mine', []);
        },
      }),
    );
    const {steps} = await done;
    expect(attempts.size).toBeGreaterThanOrEqual(3);
    expect(attempts).toContain(steps[0]!.hash);
    expect(await balance(ALICE)).toBe(5n);
  });

  it('nobody mines it for long: gives up, and goes on when it is run again', async () => {
    await test.chain.request('evm_setAutomine', [false]);
    const plan = transferPlan([ALICE, 5n]);
    const timing = {pollMs: 10, stuckMs: 30, giveUpMs: 100};
    await expect(execute(plan, options({timing}))).rejects.toMatchObject({
      code: 'TX_PENDING',
      fix: expect.stringContaining('pays nothing twice'),
    });
    const phases: string[] = [];
    const onStep = ({phase}: StepProgress): void => {
      phases.push(phase);
      if (phase === 'replaced') void test.chain.request('evm_mine', []);
    };
    const again = await execute(plan, options({timing: {...timing, giveUpMs: 20_000}, onStep}));
    expect(again).toMatchObject({resumed: true});
    expect(phases).toContain('replaced');
    expect(await balance(ALICE)).toBe(5n);
  });

  it('a reorganisation takes it back: sent again, counted once', async () => {
    const snapshot = (await test.chain.request('evm_snapshot', [])).result;
    const phases: string[] = [];
    await execute(
      transferPlan([ALICE, 5n]),
      options({
        timing: {pollMs: 10, confirmations: 3},
        onStep: ({phase}) => {
          phases.push(phase);
          if (phase === 'waiting' && phases.filter((one) => one === 'waiting').length === 1) {
            void test.chain.request('evm_revert', [snapshot]);
          } else if (phase === 'waiting') {
            void test.chain.mine(3);
          }
        },
      }),
    );
    expect(phases).toContain('reorged');
    expect(await balance(ALICE)).toBe(5n);
  });

  it('a reorganisation takes a step back between two runs', async () => {
    const plan = transferPlan([ALICE, 5n], [BOB, 10n ** 18n]);
    const snapshot = (await test.chain.request('evm_snapshot', [])).result;
    const stop = new AbortController();
    const onStep = ({index, phase}: StepProgress): void => {
      if (index === 1 && phase === 'simulating') stop.abort(new Error('stopped'));
    };
    const cut = execute(plan, options({signal: stop.signal, onStep, signer: stubborn(stop.signal)}));
    await expect(cut).rejects.toThrow('stopped');
    await test.chain.request('evm_revert', [snapshot]);
    expect(await balance(ALICE)).toBe(0n);
    const phases: string[] = [];
    const result = await execute(plan, options({onStep: ({index, phase}) => phases.push(`${index} ${phase}`)}));
    expect(result.resumed).toBe(true);
    expect(phases).toContain('0 reorged');
    expect([await balance(ALICE), await balance(BOB)]).toEqual([5n, 10n ** 18n]);
  });

  const DAYS = [
    ['old', -2],
    ['signed by a clock that ran ahead', 2],
  ] as const;
  it.each(DAYS)('a transaction that no server knows any more, %s: a person decides', async (_what, days) => {
    const path = join(temporaryFolder(), 'old.db');
    using old = new TransactionJournal(path);
    const plan = transferPlan([ALICE, 5n]);
    const nonce = await chain.nonce(plan.from, 'latest');
    const send = chain.request.bind(chain);
    chain.request = async (method, params) => {
      if (method === 'eth_sendRawTransaction') throw new Error('cut');
      return send(method, params);
    };
    await expect(execute(plan, options({journal: old}))).rejects.toThrow('cut');
    chain.request = send;
    await spendNonceElsewhere(nonce);
    const database = new DatabaseSync(path);
    database.exec(`UPDATE attempt SET signed_ms = signed_ms + ${days} * 86400000`);
    database.close();
    await expect(execute(plan, options({journal: old}))).rejects.toMatchObject({code: 'TX_UNKNOWN'});
    expect(await balance(ALICE)).toBe(0n);
    expect(await execute(plan, options({journal: old}))).toMatchObject({resumed: false});
    expect(await balance(ALICE)).toBe(5n);
  });

  it('the servers go away while it waits, and come back', async () => {
    const send = chain.request.bind(chain);
    let down = 0;
    chain.request = async (method, params) => {
      if (method !== 'eth_getTransactionReceipt' || (down += 1) > 3) return send(method, params);
      const nowhere = await startChain();
      const lost = await nowhere.connect();
      await nowhere.stop();
      return lost.request(method, params);
    };
    await execute(transferPlan([ALICE, 5n]), options());
    expect(down).toBeGreaterThan(3);
    expect(await balance(ALICE)).toBe(5n);
  });

  it('the disk is full: nothing is sent that was not written down, and it goes on once there is room', async () => {
    const prepare = vi.spyOn(DatabaseSync.prototype, 'prepare');
    const small = new TransactionJournal(join(temporaryFolder(), 'small.db'));
    const database = prepare.mock.contexts[0] as DatabaseSync;
    prepare.mockRestore();
    const pages = Number(database.prepare('PRAGMA page_count').get()!['page_count']);
    database.exec(`PRAGMA max_page_count=${pages}`);
    const nonce = await chain.nonce(test.account('staker').address, 'latest');
    const plan = transferPlan(...Array.from({length: 40}, (): [string, bigint] => [ALICE, 1n]));
    await expect(execute(plan, options({journal: small}))).rejects.toMatchObject({code: 'STORE_FULL'});
    const sent = BigInt((await chain.nonce(plan.from, 'latest')) - nonce);
    expect(await balance(ALICE)).toBe(sent);
    database.exec('PRAGMA max_page_count=10000');
    await execute(plan, options({journal: small}));
    expect(await balance(ALICE)).toBe(40n);
    small.close();
  });
});

/** Signs until it is told to stop. */
function stubborn(signal: AbortSignal): ExecuteOptions['signer'] {
  const signer = test.signer('staker');
  return {
    ...signer,
    signTransaction(transaction, abort) {
      signal.throwIfAborted();
      return signer.signTransaction(transaction, abort);
    },
  };
}
