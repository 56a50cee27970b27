import {Transaction} from 'ethers';
import {describe, expect, it} from 'vitest';

import type {Fees} from '../../../src/lib/chain/chain.ts';
import {costOf} from '../../../src/lib/chain/cost.ts';
import {execute} from '../../../src/lib/chain/execute.ts';
import type {StepProgress} from '../../../src/lib/chain/plan.ts';
import {ALICE, test, chain, startPlans, balance, transferPlan, options} from '../../support/plans.ts';

startPlans();

/** Once it is called, others pay so many tenths of what they pay now. */
async function priceRise(tenths: bigint): Promise<() => void> {
  const {gasPrice, maxFeePerGas, maxPriorityFeePerGas} = await chain.fees();
  const times = (fee: bigint): bigint => (fee * tenths) / 10n;
  const fees: Fees = {
    gasPrice: times(gasPrice),
    maxFeePerGas: times(maxFeePerGas),
    maxPriorityFeePerGas: times(maxPriorityFeePerGas),
  };
  return () => {
    chain.fees = () => Promise.resolve(fees);
  };
}

/** What each transaction that is sent from now on can take. */
function watchOffers(): bigint[] {
  const send = chain.request.bind(chain);
  const offers: bigint[] = [];
  chain.request = async (method, params) => {
    if (method === 'eth_sendRawTransaction') {
      const {gasLimit, maxFeePerGas} = Transaction.from(String(params[0]));
      offers.push(gasLimit * (maxFeePerGas ?? 0n));
    }
    return send(method, params);
  };
  return offers;
}

describe('the most that was confirmed', () => {
  it('is offered, when the usual room above what it costs now would be more', async () => {
    const plan = transferPlan([ALICE, 5n]);
    const {maxPol} = (await costOf(chain, plan)).total;
    const offers = watchOffers();
    (await priceRise(25n))();
    await execute(plan, options({maxPol}));
    expect(offers).toHaveLength(1);
    expect(offers[0]).toBeLessThanOrEqual(maxPol);
    expect(offers[0]).toBeGreaterThan((maxPol * 99n) / 100n);
    expect(await balance(ALICE)).toBe(5n);
  });

  it('is offered for one that is stuck, when what others pay is more', async () => {
    await test.chain.request('evm_setAutomine', [false]);
    const plan = transferPlan([ALICE, 5n]);
    const {maxPol} = (await costOf(chain, plan)).total;
    const offers = watchOffers();
    const rise = await priceRise(50n);
    const onStep = ({phase}: StepProgress): void => {
      if (phase === 'waiting' && offers.length === 1) rise();
      if (offers.length === 2) void test.chain.request('evm_mine', []);
    };
    await execute(plan, options({maxPol, onStep, timing: {pollMs: 10, stuckMs: 80, giveUpMs: 10_000}}));
    expect(offers[1]).toBeLessThanOrEqual(maxPol);
    expect(offers[1]).toBeGreaterThan((maxPol * 99n) / 100n);
    expect(await balance(ALICE)).toBe(5n);
  });

  it('is too little for a higher fee: what a server has dropped is sent as it was', async () => {
    const plan = transferPlan([ALICE, 5n]);
    const send = chain.request.bind(chain);
    chain.request = async (method, params) =>
      method === 'eth_sendRawTransaction' ? Transaction.from(String(params[0])).hash : send(method, params);
    const timing = {pollMs: 5, stuckMs: 20, giveUpMs: 60};
    await expect(execute(plan, options({timing}))).rejects.toMatchObject({code: 'TX_PENDING'});
    chain.request = send;
    const again = execute(plan, options({maxPol: 1n, timing: {...timing, giveUpMs: 10_000}}));
    await expect(again).resolves.toMatchObject({resumed: true});
    expect(await balance(ALICE)).toBe(5n);
  });

  it('does not have to cover what was confirmed and done before', async () => {
    const plan = transferPlan(...Array.from({length: 6}, (): [string, bigint] => [ALICE, 1n]));
    const onStep = ({index, phase}: StepProgress): void => {
      if (index === 5 && phase === 'simulating') throw new Error('cut');
    };
    await expect(execute(plan, options({onStep}))).rejects.toThrow('cut');
    const {maxPol} = (await costOf(chain, {...plan, steps: plan.steps.slice(5)})).total;
    await expect(execute(plan, options({maxPol}))).resolves.toMatchObject({resumed: true});
    expect(await balance(ALICE)).toBe(6n);
  });
});
