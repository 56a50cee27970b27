import {join} from 'node:path';
import {DatabaseSync} from 'node:sqlite';

import {Transaction} from 'ethers';
import {describe, expect, it} from 'vitest';

import {costOf} from '../../../src/lib/chain/cost.ts';
import {execute, type ExecuteOptions} from '../../../src/lib/chain/execute.ts';
import {TransactionJournal} from '../../../src/lib/chain/journal.ts';
import type {StepProgress} from '../../../src/lib/chain/plan.ts';
import {startChain} from '../../support/local-chain.ts';
import {
  ALICE,
  BOB,
  test,
  chain,
  startPlans,
  balance,
  transferPlan,
  options,
  spendNonceElsewhere,
} from '../../support/plans.ts';
import {temporaryFolder} from '../../support/temporary-folder.ts';

startPlans();

describe('while a transaction waits', () => {
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

  it('nobody mines it: replaced with higher fees as far as was confirmed', async () => {
    await test.chain.request('evm_setAutomine', [false]);
    const plan = transferPlan([ALICE, 5n]);
    const {maxPol} = (await costOf(chain, plan)).total;
    const send = chain.request.bind(chain);
    const stop = new AbortController();
    const offers: bigint[] = [];
    chain.request = async (method, params) => {
      if (method === 'eth_sendRawTransaction') {
        const {gasLimit, maxFeePerGas} = Transaction.from(String(params[0]));
        offers.push(gasLimit * (maxFeePerGas ?? 0n));
        // The same again and again: no higher one is left.
        if (offers.at(-1) === offers.at(-3)) stop.abort(new Error('enough'));
      }
      return send(method, params);
    };
    const timing = {pollMs: 5, stuckMs: 10, giveUpMs: 30_000};
    await expect(execute(plan, options({timing, maxPol, signal: stop.signal}))).rejects.toThrow('enough');
    const highest = offers.at(-1)!;
    expect(new Set(offers).size).toBeGreaterThan(3);
    expect(highest).toBeLessThanOrEqual(maxPol);
    expect(highest).toBeGreaterThan((maxPol * 8n) / 10n);
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
