import {EXIT, QuiverError} from '../core/errors.ts';
import type {Signer} from '../identity/signer.ts';
import {broadcastAgain} from './broadcast.ts';
import type {Chain} from './chain.ts';
import type {JournalPlan, JournalStep, TransactionJournal} from './journal.ts';
import type {PlanResult, StepProgress, StepResult, TransactionPlan} from './plan.ts';
import {StepRunner} from './step-runner.ts';
import type {StepTiming} from './wait.ts';

export interface ExecuteOptions {
  chain: Chain;
  journal: TransactionJournal;
  signer: Signer;
  /** The most that may be offered for all that is signed in this run, base units of POL. @default no limit */
  maxPol?: bigint | undefined;
  signal?: AbortSignal | undefined;
  onStep?: ((progress: StepProgress) => void) | undefined;
  /** @default by chain: quick on a local one, patient on a public one */
  timing?: Partial<StepTiming> | undefined;
}

/**
 * Carries a plan out, step after step: simulate, sign, write down, send, wait until it is mined and stays mined. When an
 * earlier run of the same plan was cut short, that one is finished and nothing is done twice; once it is finished, the
 * same plan starts anew.
 * Errors: REVERTED, CHAIN_FUNDS, COST_GREW, CHAIN_UNREACHABLE, CHAIN_REFUSED, CHAIN_ANSWER, TX_FAILED, TX_PENDING,
 * TX_UNKNOWN, SIGNER_WRONG, SIGNER_ACCOUNT, STORE_FULL. After REVERTED, TX_FAILED, COST_GREW and TX_UNKNOWN the same
 * command starts anew, after the others it goes on where it stopped.
 */
export async function execute(plan: TransactionPlan, options: ExecuteOptions): Promise<PlanResult> {
  const {chain, journal, signer} = options;
  if (plan.from !== signer.address) throw wrongAccount(plan.from, signer.address);
  const run = journal.begin(chain.key, plan);
  try {
    await sendWaiting(chain, journal, plan.from, run);
    const runner = new StepRunner({...options, account: plan.from, run});
    for (const step of run.steps) await runner.finish(step);
  } catch (error) {
    if (isOver(run.steps, error)) journal.finish(run.id);
    throw error;
  }
  journal.finish(run.id);
  const steps = run.steps.map((step) => resultOf(chain, step));
  return {id: run.id, title: plan.title, resumed: run.resumed, steps};
}

/** Things are not what they were when the plan was made. */
const CHANGED: ReadonlySet<string> = new Set(['REVERTED', 'TX_FAILED', 'COST_GREW']);

/**
 * Whether the next run should be planned anew. Not while a transaction may still be mined; and what was mined counts,
 * unless the contract refuses the rest or its price has grown: then a new plan looks at how things are first.
 */
function isOver(steps: readonly JournalStep[], error: unknown): boolean {
  if (steps.some(({status}) => status === 'signed' || status === 'sent')) return false;
  const isChanged = error instanceof QuiverError && CHANGED.has(error.code);
  return isChanged || steps.every(({status}) => status === 'planned');
}

/** What was signed for other plans holds lower nonces: without it, nothing of ours would ever be mined. */
async function sendWaiting(
  chain: Chain,
  journal: TransactionJournal,
  account: string,
  run: JournalPlan,
): Promise<void> {
  for (const {raw} of journal.waiting(chain.key, account, run.id)) await broadcastAgain(chain, raw);
}

function resultOf(chain: Chain, step: JournalStep): StepResult {
  const {what, status, hash, block, gasUsed, feePol} = step;
  const link = hash === undefined ? undefined : chain.link({transaction: hash});
  return {
    what,
    status,
    ...(hash !== undefined && {hash}),
    ...(block !== undefined && {block}),
    ...(gasUsed !== undefined && {gasUsed}),
    ...(feePol !== undefined && {feePol}),
    ...(link !== undefined && {link}),
  };
}

function wrongAccount(wanted: string, given: string): QuiverError {
  return new QuiverError({
    code: 'SIGNER_ACCOUNT',
    message: `The plan is for ${wanted}, and the signer is ${given}`,
    fix: 'Choose the wallet of that account.',
    exit: EXIT.usage,
  });
}
