import {Transaction} from 'ethers';

import {QuiverError} from '../core/errors.ts';
import {pause} from '../core/pause.ts';
import type {Signer} from '../identity/signer.ts';
import {broadcast, broadcastAgain} from './broadcast.ts';
import type {CallRequest, Chain, Fees, Receipt} from './chain.ts';
import {checkFunds, costGrew, withRoom} from './cost.ts';
import {bumpFees, limitFees} from './fees.ts';
import type {Attempt, JournalPlan, JournalStep, TransactionJournal} from './journal.ts';
import {serially} from './serially.ts';
import {signChecked} from './signer.ts';
import type {StepProgress} from './plan.ts';
import {failed, forgotten, outOfTurn, stillPending, waitFor, type StepTiming} from './wait.ts';

const LOCAL_TIMING: StepTiming = {pollMs: 15, confirmations: 1, stuckMs: 5_000, giveUpMs: 60_000};
/** A block every two seconds; reorganisations deeper than a few blocks are announced as finality faults. */
const PUBLIC_TIMING: StepTiming = {pollMs: 1_500, confirmations: 5, stuckMs: 60_000, giveUpMs: 600_000};

/** Servers keep transactions for weeks at least; a day leaves room for clocks that are wrong. */
const FORGOTTEN_MS = 24 * 60 * 60 * 1000;

/** Servers behind one address may be a block apart: one may not know yet what another has just confirmed. */
const LAG_RETRIES = 6;

/** Why a transaction that is out already is not sent again with a higher fee. */
const NOT_AFFORDABLE: ReadonlySet<string> = new Set(['CHAIN_FUNDS', 'COST_GREW']);

export interface StepContext {
  chain: Chain;
  journal: TransactionJournal;
  signer: Signer;
  account: string;
  run: JournalPlan;
  maxPol?: bigint | undefined;
  signal?: AbortSignal | undefined;
  onStep?: ((progress: StepProgress) => void) | undefined;
  timing?: Partial<StepTiming> | undefined;
}

/** Brings the steps of one plan from wherever they are to mined. */
export class StepRunner {
  readonly #context: StepContext;
  readonly #timing: StepTiming;
  #minedHere = false;
  /** By what was signed here, base units of POL. */
  #spent = 0n;
  /** When this run took the step at work up. */
  #since = 0;

  constructor(context: StepContext) {
    this.#context = context;
    const usual = context.chain.profile.loopbackOnly ? LOCAL_TIMING : PUBLIC_TIMING;
    this.#timing = {...usual, ...context.timing};
  }

  async finish(step: JournalStep): Promise<void> {
    const {chain, signal} = this.#context;
    this.#since = performance.now();
    if (step.status === 'mined' && (await this.#stillMined(step))) {
      this.#tell(step, 'already', step.hash);
      return;
    }
    let isNew = false;
    while (step.status !== 'mined') {
      signal?.throwIfAborted();
      if (step.status === 'failed') throw await failed(chain, this.#context.account, step);
      if (step.status === 'planned') {
        isNew = true;
        await this.#sign(step);
      } else if (step.status === 'signed') await this.#send(step);
      else await this.#wait(step);
    }
    this.#minedHere = true;
    // What was signed before was confirmed before.
    if (isNew) this.#spent += (step.feePol ?? 0n) + (step.value ?? 0n);
    this.#tell(step, 'mined', step.hash);
  }

  /** After a restart: a reorganisation may have taken it back while nobody looked. */
  async #stillMined(step: JournalStep): Promise<boolean> {
    const {chain, journal, run} = this.#context;
    if (step.hash !== undefined && (await chain.receipt(step.hash)) !== undefined) return true;
    this.#tell(step, 'reorged', step.hash);
    step.status = 'sent';
    journal.sent(run.id, step);
    await this.#resend(step);
    return false;
  }

  async #sign(step: JournalStep): Promise<void> {
    const {chain, account} = this.#context;
    this.#tell(step, 'simulating');
    const request: CallRequest = {from: account, to: step.to, data: step.data, value: step.value ?? 0n};
    const [gas, usual] = await Promise.all([this.#estimate(request), chain.fees()]);
    const gasLimit = withRoom(gas);
    const fees = await this.#affordable(step, gasLimit, usual, usual.gasPrice);
    this.#tell(step, 'signing');
    await this.#claimNonce(step, gasLimit, fees);
  }

  /** Several plans of one account may run at once, here and in other processes: a nonce is whose it was written down for. */
  async #claimNonce(step: JournalStep, gasLimit: bigint, fees: Fees): Promise<void> {
    const {chain, journal, account} = this.#context;
    while (step.status === 'planned') {
      await serially(`${chain.key}/${account}`, async () => {
        const nonce = journal.freeNonce(chain.key, account, await chain.nonce(account, 'pending'));
        await this.#keep(step, nonce, gasLimit, fees);
      });
    }
  }

  async #keep(step: JournalStep, nonce: number, gasLimit: bigint, fees: Fees): Promise<Attempt | undefined> {
    const {chain, journal, signer, account, run, signal} = this.#context;
    const {maxFeePerGas, maxPriorityFeePerGas} = fees;
    const {to, data, value = 0n} = step;
    const fields = {chainId: chain.id, nonce, to, data, value, gasLimit, maxFeePerGas, maxPriorityFeePerGas};
    const signed = await signChecked(signer, fields, signal ?? new AbortController().signal);
    const attempt: Attempt = {
      hash: signed.hash ?? '',
      raw: signed.serialized,
      maxFeePerGas,
      maxPriorityFeePerGas,
      signedMs: Date.now(),
    };
    const kept = journal.signed({chain: chain.key, account, plan: run.id}, step, nonce, attempt);
    return kept ? attempt : undefined;
  }

  async #send(step: JournalStep): Promise<void> {
    const {chain, journal, run} = this.#context;
    const newest = journal.attempts(run.id, step).at(-1);
    if (newest === undefined) return journal.superseded(run.id, step);
    const outcome = await broadcast(chain, newest.raw);
    if (outcome === 'early') return this.#waitForTurn(step, newest.hash);
    journal.sent(run.id, step);
    this.#tell(step, 'sent', newest.hash);
    if (outcome === 'cheap') await this.#replace(step);
    return undefined;
  }

  /** Those before it may be on their way, from here or from elsewhere. */
  async #waitForTurn(step: JournalStep, hash: string): Promise<void> {
    if (this.#isLate) throw await this.#tooLong(step, hash);
    await this.#pause();
  }

  async #wait(step: JournalStep): Promise<void> {
    const {chain, journal, run, account, signal} = this.#context;
    const attempts = journal.attempts(run.id, step);
    const outcome = await waitFor(
      chain,
      {account, nonce: step.nonce ?? 0, attempts, timing: this.#timing, signal},
      () => this.#tell(step, 'waiting', attempts.at(-1)?.hash),
    );
    if (outcome.kind === 'mined') this.#mined(step, outcome.receipt);
    else if (outcome.kind === 'superseded') this.#plannedAgain(step, attempts);
    else if (outcome.kind === 'reorged') {
      this.#tell(step, 'reorged', attempts.at(-1)?.hash);
      await this.#resend(step);
    } else if (this.#isLate) throw await this.#tooLong(step, attempts.at(-1)?.hash ?? '');
    else await this.#replaceIfAffordable(step);
  }

  get #isLate(): boolean {
    return performance.now() - this.#since > this.#timing.giveUpMs;
  }

  async #tooLong({nonce = 0}: JournalStep, hash: string): Promise<QuiverError> {
    const {chain, account} = this.#context;
    const next = await chain.nonce(account, 'pending');
    return next < nonce ? outOfTurn(hash, nonce, next) : stillPending(chain, hash, this.#timing.giveUpMs);
  }

  /** The one that was sent may still be mined: no reason to fail. */
  async #replaceIfAffordable(step: JournalStep): Promise<void> {
    const {chain, journal, run} = this.#context;
    try {
      await this.#replace(step);
    } catch (error) {
      if (!(error instanceof QuiverError) || !NOT_AFFORDABLE.has(error.code)) throw error;
      const newest = journal.attempts(run.id, step).at(-1);
      if (newest !== undefined) await broadcastAgain(chain, newest.raw);
    }
  }

  /**
   * The nonce is gone and no server knows the transaction. While it is young that means that another one used it; later
   * it may as well mean that servers have forgotten it, and then paying again is for a person to decide.
   */
  #plannedAgain(step: JournalStep, attempts: readonly Attempt[]): void {
    const {chain, journal, run} = this.#context;
    if (this.#age(attempts) < FORGOTTEN_MS) {
      journal.superseded(run.id, step);
      return;
    }
    journal.finish(run.id);
    throw forgotten(chain, step, attempts.at(-1)?.hash ?? '');
  }

  /** How long ago the step was first signed; one from days ahead, by a clock that was set back, may be as old. */
  #age(attempts: readonly Attempt[]): number {
    return Math.abs(Date.now() - (attempts[0]?.signedMs ?? Date.now()));
  }

  #mined(step: JournalStep, receipt: Receipt): void {
    this.#context.journal.mined(this.#context.run.id, step, receipt);
  }

  /** The same bytes again: a server may have dropped them. */
  async #resend(step: JournalStep): Promise<void> {
    const {chain, journal, run} = this.#context;
    for (const {raw} of journal.attempts(run.id, step)) await broadcast(chain, raw);
  }

  /** The same transaction with the same nonce and a higher fee: only one of them can ever be mined. */
  async #replace(step: JournalStep): Promise<void> {
    const {chain, journal, run} = this.#context;
    const before = journal.attempts(run.id, step).at(-1);
    if (before === undefined || step.nonce === undefined) return journal.superseded(run.id, step);
    const {gasLimit} = Transaction.from(before.raw);
    const last = {...before, gasPrice: before.maxFeePerGas};
    const least = bumpFees(last, last).maxFeePerGas;
    const fees = await this.#affordable(step, gasLimit, bumpFees(last, await chain.fees()), least);
    const attempt = await this.#keep(step, step.nonce, gasLimit, fees);
    if (attempt !== undefined) this.#tell(step, 'replaced', attempt.hash);
    return undefined;
  }

  /** What to offer within what was confirmed and what the account has; less than `least` for gas would be in vain. */
  async #affordable(step: JournalStep, gasLimit: bigint, wished: Fees, least: bigint): Promise<Fees> {
    const {chain, account, maxPol} = this.#context;
    const value = step.value ?? 0n;
    const needed = this.#spent + value + gasLimit * least;
    if (maxPol !== undefined && needed > maxPol) throw costGrew(needed, maxPol);
    const fees = maxPol === undefined ? wished : limitFees(wished, (maxPol - this.#spent - value) / gasLimit);
    await checkFunds(chain, account, gasLimit * fees.maxFeePerGas + value);
    return fees;
  }

  async #estimate(request: CallRequest): Promise<bigint> {
    const {chain} = this.#context;
    const retries = this.#minedHere ? LAG_RETRIES : 0;
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await chain.estimateGas(request);
      } catch (error) {
        const lag = error instanceof QuiverError && error.code === 'REVERTED' && attempt < retries;
        if (!lag) throw error;
        await this.#pause();
      }
    }
  }

  async #pause(): Promise<void> {
    const {signal} = this.#context;
    await pause(this.#timing.pollMs, signal);
    signal?.throwIfAborted();
  }

  #tell(step: JournalStep, phase: StepProgress['phase'], hash?: string): void {
    const {onStep, run, chain} = this.#context;
    const link = hash === undefined ? undefined : chain.link({transaction: hash});
    onStep?.({
      index: step.position,
      count: run.steps.length,
      what: step.what,
      phase,
      ...(hash !== undefined && {hash}),
      ...(link !== undefined && {link}),
    });
  }
}
