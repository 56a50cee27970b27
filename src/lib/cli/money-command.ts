import type {Command} from '@oclif/core/command';
import * as Flags from '@oclif/core/flags';

import type {Chain} from '../chain/chain.ts';
import type {PlanCost, PlanResult, TransactionPlan} from '../chain/plan.ts';
import {channelsDatabase, journalDatabase} from '../config/places.ts';
import {EXIT, QuiverError} from '../core/errors.ts';
import type {ChannelStore} from '../settlement/channels/store.ts';
import type {Draft, MoneyContracts} from '../settlement/contracts.ts';
import {BaseCommand} from './base-command.ts';
import {CHAIN_FLAGS, openCommandChain} from './chain.ts';
import {ask} from './prompt.ts';
import {StepPrinter} from './steps.ts';
import {openAccount, SIGNER_FLAGS, WALLET_FLAGS, type Account} from './wallet.ts';

/** For commands that only look. */
export const LOOK_FLAGS = {...WALLET_FLAGS, ...CHAIN_FLAGS};

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

/** What every command about money shares: the account, the contracts, and how a plan is shown and carried out. */
export abstract class MoneyCommand<T extends typeof Command> extends BaseCommand<T> {
  // Said again: the manifest looks past a class only when it has something of its own.
  static override enableJsonFlag = true;

  #money: Promise<MoneyContracts> | undefined;
  #account: Promise<Account> | undefined;

  /** Those of PLAN_FLAGS that this command has. */
  get #planFlags(): {'dry-run'?: boolean; yes?: boolean; quiet?: boolean; 'password-file'?: string} {
    const flags: object = this.flags;
    return flags;
  }

  /** The account of this command; no password is asked for before it signs. */
  protected account(): Promise<Account> {
    this.#account ??= this.#openAccount();
    return this.#account;
  }

  /** The contracts of the network in use. */
  protected money(): Promise<MoneyContracts> {
    this.#money ??= this.#openMoney();
    return this.#money;
  }

  /** The vouchers on this machine. */
  protected async channelStore(): Promise<ChannelStore> {
    const {ChannelStore: Store} = await import('../settlement/channels/store.ts');
    return new Store(channelsDatabase(this.places));
  }

  /**
   * Shows what is to be done, asks, and does it. `key` says what was asked for, so that a run that was cut short is
   * found again; then `make` isn't called, since by now less may be left to do.
   */
  protected async carryOut(
    key: string,
    make: (money: MoneyContracts, from: string) => Promise<Draft | undefined>,
  ): Promise<Outcome> {
    const [account, money, {TransactionJournal}] = await Promise.all([
      this.account(),
      this.money(),
      import('../chain/journal.ts'),
    ]);
    using journal = new TransactionJournal(journalDatabase(this.places));
    const name = {kind: (this.id ?? '').replaceAll(':', ' '), key, from: account.address};
    const begun = journal.unfinished(money.chain.key, name);
    if (begun?.some(({status}) => status !== 'planned') === true) {
      const title = 'An earlier run of this command was cut short; it is finished now, and nothing is done twice.';
      this.note(title);
      const plan = {...name, title, steps: begun};
      if (this.#planFlags['dry-run'] === true) return {status: 'planned', plan};
      return {status: 'done', result: await this.#execute(plan, money.chain, account, journal)};
    }
    // Written down and nothing of it signed: it will be carried out as it was written, so that is what is shown.
    const planned = begun?.at(-1);
    const draft =
      begun === undefined || planned === undefined
        ? await make(money, account.address)
        : {title: planned.what, steps: begun};
    if (draft === undefined) return {status: 'empty'};
    const plan = {...name, ...draft};
    const cost = await this.#show(money.chain, plan);
    if (this.#planFlags['dry-run'] === true) return {status: 'planned', plan, cost};
    await this.#confirm();
    return {status: 'done', cost, result: await this.#execute(plan, money.chain, account, journal)};
  }

  /** The result under --dry-run, else for whoever is asked to confirm it. */
  async #show(chain: Chain, plan: TransactionPlan): Promise<PlanCost> {
    const [{costOf}, {planText}] = await Promise.all([import('../chain/cost.ts'), import('../chain/plan.ts')]);
    const cost = await costOf(chain, plan);
    const text = planText(plan, cost);
    if (this.#planFlags['dry-run'] === true) this.log(text);
    else this.note(text);
    return cost;
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

  async #execute(
    plan: TransactionPlan,
    chain: Chain,
    account: Account,
    journal: import('../chain/journal.ts').TransactionJournal,
  ): Promise<PlanResult> {
    const [{execute}, {chainSigner}] = await Promise.all([
      import('../chain/execute.ts'),
      import('../settlement/chain-signer.ts'),
    ]);
    const signer = chainSigner(await account.unlock());
    const quiet = this.jsonEnabled() || this.#planFlags.quiet === true;
    const printer = new StepPrinter();
    const onStep = quiet ? undefined : (progress: Parameters<StepPrinter['show']>[0]) => printer.show(progress);
    try {
      const result = await execute(plan, {chain, journal, signer, signal: this.abortSignal, onStep});
      for (const {what, link, hash} of result.steps) this.log(`${what}: ${link ?? hash}`);
      return result;
    } finally {
      if (!quiet) printer.finish();
    }
  }

  async #openAccount(): Promise<Account> {
    return openAccount({
      settings: await this.loadSettings(),
      places: this.places,
      environment: this.environment,
      interactive: this.interactive,
      passwordFile: this.#planFlags['password-file'],
      note: (text) => this.note(text),
      signal: this.abortSignal,
    });
  }

  async #openMoney(): Promise<MoneyContracts> {
    const [{loadMoneyAddresses}, {bindMoney}, settings] = await Promise.all([
      import('../chain/deploy/deployments.ts'),
      import('../settlement/contracts.ts'),
      this.loadSettings(),
    ]);
    const {places, environment} = this;
    const chain = await openCommandChain({settings, places, environment, signal: this.abortSignal});
    return bindMoney(chain, await loadMoneyAddresses(places, settings.profile.name, chain));
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
