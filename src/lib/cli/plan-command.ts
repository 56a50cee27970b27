import type {Command} from '@oclif/core/command';
import * as Flags from '@oclif/core/flags';

import type {Chain} from '../chain/chain.ts';
import type {TransactionJournal} from '../chain/journal.ts';
import type {PlanCost, PlanResult, TransactionPlan} from '../chain/plan.ts';
import {journalDatabase} from '../config/places.ts';
import {EXIT, QuiverError} from '../core/errors.ts';
import {BaseCommand} from './base-command.ts';
import {CHAIN_FLAGS, openCommandChain} from './chain.ts';
import {ask} from './prompt.ts';
import {StepPrinter} from './steps.ts';
import {openAccount, SIGNER_FLAGS, type Account, type AccountOptions} from './wallet.ts';

/** For commands that send transactions. */
export const PLAN_FLAGS = {
  ...SIGNER_FLAGS,
  ...CHAIN_FLAGS,
  'dry-run': Flags.boolean({description: 'Show what would be done and what it costs, and do nothing'}),
  yes: Flags.boolean({char: 'y', description: 'Do it without asking'}),
};

/** What became of a plan. */
export interface Outcome {
  /** `empty`: there was nothing to do; `planned`: --dry-run. */
  status: 'empty' | 'planned' | 'done';
  plan?: TransactionPlan;
  /** Undefined where an earlier run was finished. */
  cost?: PlanCost;
  result?: PlanResult;
}

/** What every command about the chain shares: the account, the chain, and how a plan is shown, confirmed and carried out. */
export abstract class PlanCommand<T extends typeof Command> extends BaseCommand<T> {
  // Said again: the manifest looks past a class only when it has something of its own.
  static override enableJsonFlag = true;

  #chain: Promise<Chain> | undefined;
  #account: Promise<Account> | undefined;

  /** Those of PLAN_FLAGS that this command has. */
  get #planFlags(): {'dry-run'?: boolean; yes?: boolean; quiet?: boolean; 'password-file'?: string} {
    const flags: object = this.flags;
    return flags;
  }

  protected get dryRun(): boolean {
    return this.#planFlags['dry-run'] === true;
  }

  /** The account of this command; no password is asked for before it signs. */
  protected account(): Promise<Account> {
    this.#account ??= this.#accountOptions().then((options) => this.openAccount(options));
    return this.#account;
  }

  /** The chain of the network in use. */
  protected chain(): Promise<Chain> {
    this.#chain ??= this.loadSettings().then((settings) => {
      const {places, environment, abortSignal: signal} = this;
      return openCommandChain({settings, places, environment, signal});
    });
    return this.#chain;
  }

  protected openAccount(options: AccountOptions): Promise<Account> {
    return openAccount(options);
  }

  protected async journal(): Promise<TransactionJournal> {
    const {TransactionJournal: Journal} = await import('../chain/journal.ts');
    return new Journal(journalDatabase(this.places));
  }

  /** Shows a plan and its cost; does it once that is confirmed, unless under --dry-run. */
  protected async propose(plan: TransactionPlan, journal: TransactionJournal): Promise<Outcome> {
    const [{costOf}, {isCostKnown, planText}, chain] = await Promise.all([
      import('../chain/cost.ts'),
      import('../chain/plan.ts'),
      this.chain(),
    ]);
    const cost = await costOf(chain, plan);
    const text = planText(plan, cost);
    if (this.dryRun) {
      this.log(text);
      return {status: 'planned', plan, cost};
    }
    this.note(text);
    await this.#confirm();
    const result = await this.execute(plan, journal, isCostKnown(cost) ? cost.total.maxPol : undefined);
    return {status: 'done', cost, result};
  }

  /** Carries a plan out, showing on stderr how it goes. */
  protected async execute(plan: TransactionPlan, journal: TransactionJournal, maxPol?: bigint): Promise<PlanResult> {
    const [{execute}, chain, account] = await Promise.all([
      import('../chain/execute.ts'),
      this.chain(),
      this.account(),
    ]);
    const signer = await account.unlock();
    const printer = this.jsonEnabled() || this.#planFlags.quiet === true ? undefined : new StepPrinter();
    try {
      const result = await execute(plan, {
        chain,
        journal,
        signer,
        maxPol,
        signal: this.abortSignal,
        onStep: (progress) => printer?.show(progress),
      });
      for (const {what, link, hash} of result.steps) this.log(`${what}: ${link ?? hash}`);
      return result;
    } finally {
      printer?.finish();
    }
  }

  async #confirm(): Promise<void> {
    if (this.#planFlags.yes === true) return;
    if (!this.interactive) throw notConfirmed();
    const choices = [
      {value: 'yes', name: 'yes'},
      {value: 'no', name: 'no'},
    ] as const;
    if ((await ask({flag: 'yes', message: 'Do it?', choices})) === 'no') throw declined();
  }

  async #accountOptions(): Promise<AccountOptions> {
    return {
      settings: await this.loadSettings(),
      places: this.places,
      environment: this.environment,
      interactive: this.interactive,
      passwordFile: this.#planFlags['password-file'],
      note: (text) => this.note(text),
      signal: this.abortSignal,
    };
  }
}

function notConfirmed(): QuiverError {
  return new QuiverError({
    code: 'MISSING_FLAGS',
    message: 'Without a terminal this flag is needed: --yes',
    fix: 'Add --yes, or --dry-run to see only what would be done.',
    exit: EXIT.usage,
  });
}

function declined(): QuiverError {
  return new QuiverError({
    code: 'DECLINED',
    message: 'Nothing was done',
    fix: 'Run it again to be asked again.',
    exit: EXIT.refused,
  });
}
