import {join} from 'node:path';
import {DatabaseSync} from 'node:sqlite';

import {describe, expect, it, vi} from 'vitest';

import {costOf} from '../../../src/lib/chain/cost.ts';
import {execute, type ExecuteOptions} from '../../../src/lib/chain/execute.ts';
import {TransactionJournal} from '../../../src/lib/chain/journal.ts';
import {planText, type StepProgress, type TransactionPlan} from '../../../src/lib/chain/plan.ts';
import {generatePaymentSecret} from '../../../src/lib/core/secp256k1.ts';
import {keySigner} from '../../../src/lib/identity/signer.ts';
import {
  QUIV,
  ALICE,
  BOB,
  test,
  chain,
  startPlans,
  token,
  staking,
  balance,
  transferPlan,
  options,
  spendNonceElsewhere,
} from '../../support/plans.ts';
import {temporaryFolder} from '../../support/temporary-folder.ts';

startPlans();

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

  it('promises no most that it can cost while a step is not known', async () => {
    const plan = transferPlan([ALICE, 1n], [BOB, 2n]);
    const {steps, total} = await costOf(chain, plan);
    expect(planText(plan, {steps, total})).toContain(', at most ');
    const later = {...steps[1]!, gas: 0n, pol: 0n, maxPol: 0n};
    const text = planText(plan, {steps: [steps[0]!, later], total});
    expect(text).toContain('gas known once the steps before are done');
    expect(text).not.toContain('at most');
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
