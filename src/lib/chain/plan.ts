import {amountToText} from '../core/units.ts';

/** One transaction of a plan. */
export interface TransactionStep {
  /** Short and in the imperative, e.g. `Approve 1000 QUIV for staking`. */
  what: string;
  /** Address that is called. */
  to: string;
  /** Calldata, `0x…`. */
  data: string;
  /** POL sent along, base units. @default 0n */
  value?: bigint;
  /** QUIV that leaves the account by this step, base units. @default 0n */
  quiv?: bigint;
  /**
   * Gas that it takes, for showing the cost of a step that can't be simulated before the steps ahead of it are done.
   * Before it is sent it is simulated in any case.
   */
  gas?: bigint;
}

/** What a command is about to do with money: pure data, shown before anything is signed. */
export interface TransactionPlan {
  /** E.g. `stake`; the command that makes it. */
  kind: string;
  /**
   * What makes two plans of a kind the same, e.g. `1000 QUIV as provider`. A plan that was interrupted is found again
   * by chain, account, kind and key, and finished instead of being started anew.
   */
  key: string;
  /** One line for people. */
  title: string;
  /** The account that pays and signs. */
  from: string;
  steps: readonly TransactionStep[];
}

/** What a step or a plan will cost. Gas is paid in POL. */
export interface StepCost {
  gas: bigint;
  /** At today's fee, base units of POL. */
  pol: bigint;
  /** More than this is not offered before somebody has confirmed it. */
  maxPol: bigint;
  quiv: bigint;
  /** False where an earlier step has to be done first; `gas` is then the step's own figure, or unknown (0). */
  simulated: boolean;
}

export interface PlanCost {
  steps: readonly StepCost[];
  total: Omit<StepCost, 'simulated'>;
}

export type StepStatus = 'planned' | 'signed' | 'sent' | 'mined' | 'failed';

export interface StepResult {
  what: string;
  status: StepStatus;
  /** Transaction hash. */
  hash?: string;
  block?: number;
  gasUsed?: bigint;
  /** What was paid for gas, base units of POL. */
  feePol?: bigint;
  /** Where to look at it; undefined on a chain without an explorer. */
  link?: string;
}

export interface PlanResult {
  /** Of this run of the plan, in the journal. */
  id: string;
  title: string;
  /** An earlier run that was cut short has been finished, instead of a new one. */
  resumed: boolean;
  steps: readonly StepResult[];
}

/** What `execute` tells while it works. */
export interface StepProgress {
  index: number;
  count: number;
  what: string;
  /** `waiting`: sent, not mined yet; `replaced`: sent again with a higher fee; `reorged`: was mined, has to be again. */
  phase: 'simulating' | 'signing' | 'sent' | 'waiting' | 'replaced' | 'reorged' | 'mined' | 'already';
  hash?: string;
  link?: string;
}

/** The plan and its cost as lines of text for a terminal. */
export function planText(plan: TransactionPlan, cost: PlanCost): string {
  const lines = plan.steps.map((step, index) => {
    const one = cost.steps[index];
    const gas =
      one === undefined || one.gas === 0n ? 'gas known once the steps before are done' : `${pol(one.pol)} POL`;
    return `  ${index + 1}. ${step.what}  (${gas}${one?.simulated === false && one.gas > 0n ? ', about' : ''})`;
  });
  const {total} = cost;
  const quiv = total.quiv === 0n ? '' : ` and ${amountToText(total.quiv)} QUIV`;
  const most = isCostKnown(cost) ? `at most ${pol(total.maxPol)} POL` : 'and what is not known yet';
  return [plan.title, ...lines, `Costs about ${pol(total.pol)} POL${quiv}, ${most}.`].join('\n');
}

/** False where what a step takes is known only after those before it: then there is no most that it can cost. */
export function isCostKnown({steps}: PlanCost): boolean {
  return steps.every(({gas}) => gas > 0n);
}

/** POL with six decimals at most, rounded up: nobody is charged more than was shown. */
function pol(amount: bigint): string {
  const unit = 10n ** 12n;
  return amountToText(((amount + unit - 1n) / unit) * unit);
}
