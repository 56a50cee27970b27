import {EXIT, QuiverError} from '../core/errors.ts';
import {amountToText} from '../core/units.ts';
import type {Chain, Fees} from './chain.ts';
import type {PlanCost, StepCost, TransactionPlan, TransactionStep} from './plan.ts';

/** What is offered above the simulated gas, since others may act in between: a fifth. */
const GAS_ROOM_DIVISOR = 5n;
/** What is usually offered is half of what is confirmed: the rest is for a price that rises, and for sending again. */
const FEE_ROOM = 2n;

/**
 * What a plan costs. The first step is simulated, and so is each further one that works without those before it; a
 * first step that would be refused is refused here.
 */
export async function costOf(chain: Chain, plan: TransactionPlan): Promise<PlanCost> {
  const [fees, ...gas] = await Promise.all([
    chain.fees(),
    ...plan.steps.map((step, index) => simulated(chain, plan.from, step, index === 0)),
  ]);
  const steps = plan.steps.map((step, index) => stepCost(step, gas[index], fees));
  const sum = (of: (cost: StepCost) => bigint): bigint => steps.reduce((total, cost) => total + of(cost), 0n);
  const total = {
    gas: sum((cost) => cost.gas),
    pol: sum((cost) => cost.pol),
    maxPol: sum((cost) => cost.maxPol),
    quiv: sum((cost) => cost.quiv),
  };
  return {steps, total};
}

/** Simulates a step; undefined when it can't work yet. */
async function simulated(
  chain: Chain,
  from: string,
  step: TransactionStep,
  first: boolean,
): Promise<bigint | undefined> {
  try {
    // A call to what is only created by an earlier step would do nothing, and seem to work.
    if (!first && step.data !== '0x' && (await chain.code(step.to)) === '0x') return undefined;
    return await chain.estimateGas({from, to: step.to, data: step.data, value: step.value ?? 0n});
  } catch (error) {
    if (first || !(error instanceof QuiverError) || error.code !== 'REVERTED') throw error;
    return undefined;
  }
}

function stepCost(step: TransactionStep, simulatedGas: bigint | undefined, fees: Fees): StepCost {
  const gas = simulatedGas ?? step.gas ?? 0n;
  const value = step.value ?? 0n;
  return {
    gas,
    pol: gas * fees.gasPrice + value,
    maxPol: withRoom(gas) * fees.maxFeePerGas * FEE_ROOM + value,
    quiv: step.quiv ?? 0n,
    simulated: simulatedGas !== undefined,
  };
}

export function withRoom(gas: bigint): bigint {
  return gas + gas / GAS_ROOM_DIVISOR;
}

/** Throws CHAIN_FUNDS when an account can't pay for a transaction. */
export async function checkFunds(chain: Chain, account: string, needed: bigint): Promise<void> {
  const balance = await chain.balance(account);
  if (balance < needed) throw tooPoor(chain, account, balance, needed);
}

export function costGrew(needed: bigint, confirmed: bigint): QuiverError {
  return new QuiverError({
    code: 'COST_GREW',
    message: `This takes ${amountToText(needed)} POL by now, and at most ${amountToText(confirmed)} POL were confirmed`,
    fix: 'Run the same command again: it shows what it costs now.',
    exit: EXIT.refused,
  });
}

export function tooPoor(chain: Chain, account: string, balance: bigint, needed: bigint): QuiverError {
  return new QuiverError({
    code: 'CHAIN_FUNDS',
    message: `${account} has ${amountToText(balance)} POL on ${chain.profile.chain.name}, and this can take ${amountToText(needed)} POL for gas`,
    fix: fundsFix(chain, account),
    exit: EXIT.failed,
  });
}

function fundsFix({id, profile}: Chain, account: string): string {
  if (profile.loopbackOnly) return `quiver chain faucet ${account}`;
  if (id === 80_002) return `Get test POL for ${account} at https://faucet.polygon.technology, then run it again.`;
  return `Send POL to ${account}, then run it again.`;
}
