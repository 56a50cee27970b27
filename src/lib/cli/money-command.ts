import {Flags} from '@oclif/core';
import type {Command} from '@oclif/core';

import type {Chain} from '../chain/chain.ts';
import type {PlanResult, TransactionPlan} from '../chain/plan.ts';
import {channelsDatabase, journalDatabase} from '../config/places.ts';
import {EXIT, QuiverError} from '../core/errors.ts';
import type {ChannelStore} from '../settlement/channels/store.ts';
import type {Draft, MoneyContracts} from '../settlement/contracts.ts';
import {BaseCommand} from './base-command.ts';
import {missingFlags, ask} from './prompt.ts';
import {StepPrinter} from './steps.ts';
import {openAccount, SIGNER_FLAGS, type Account} from './wallet.ts';

/** For commands that send transactions. */
export const PLAN_FLAGS = {
  ...SIGNER_FLAGS,
  'dry-run': Flags.boolean({description: 'Show what would be done and what it costs, and do nothing'}),
  yes: Flags.boolean({char: 'y', description: 'Do it without asking'}),
};

/** How a plan ended. */
export interface Done {
  /** There was nothing to do. */
  isEmpty: boolean;
  /** Under --dry-run. */
  plan?: TransactionPlan;
  result?: PlanResult;
}

/** What every command about money shares: the account, the contracts, and how a plan is shown and carried out. */
export abstract class MoneyCommand<T extends typeof Command> extends BaseCommand<T> {
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
   * found again; then `make` isn't called, since by now less may be left to do. Undefined under --dry-run, or when there
   * is nothing to do.
   */
  protected async carryOut(
    key: string,
    make: (money: MoneyContracts, from: string) => Promise<Draft | undefined>,
  ): Promise<Done> {
    const [account, money, {TransactionJournal}] = await Promise.all([
      this.account(),
      this.money(),
      import('../chain/journal.ts'),
    ]);
    using journal = new TransactionJournal(journalDatabase(this.places));
    const name = {kind: (this.id ?? '').replaceAll(':', ' '), key, from: account.address};
    const begun = journal.unfinished(money.chain.key, name);
    const draft =
      begun === undefined
        ? await make(money, account.address)
        : {title: 'An earlier run of this command was cut short and is finished now.', steps: begun};
    if (draft === undefined) return {isEmpty: true};
    const plan: TransactionPlan = {...name, ...draft};
    if (begun === undefined) await this.#showAndConfirm(money.chain, plan);
    else this.note(plan.title);
    if (this.#planFlags['dry-run'] === true) return {isEmpty: false, plan};
    return {isEmpty: false, result: await this.#execute(plan, money.chain, account, journal)};
  }

  async #showAndConfirm(chain: Chain, plan: TransactionPlan): Promise<void> {
    const [{costOf}, {planText}] = await Promise.all([import('../chain/cost.ts'), import('../chain/plan.ts')]);
    const text = planText(plan, await costOf(chain, plan));
    if (this.#planFlags['dry-run'] === true) {
      this.log(text);
      return;
    }
    this.note(text);
    if (this.#planFlags.yes === true) return;
    if (!this.interactive) throw missingFlags([{flag: 'yes', message: ''}]);
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
      return await execute(plan, {chain, journal, signer, signal: this.abortSignal, onStep});
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
    const [{openChain}, {loadMoneyAddresses}, {bindMoney}, profile] = await Promise.all([
      import('../chain/open-chain.ts'),
      import('../chain/deploy/deployments.ts'),
      import('../settlement/contracts.ts'),
      this.loadProfile(),
    ]);
    const chain = await openChain(profile, {signal: this.abortSignal});
    return bindMoney(chain, await loadMoneyAddresses(this.places, profile.name, chain));
  }
}

function declined(): QuiverError {
  return new QuiverError({
    code: 'DECLINED',
    message: 'Nothing was done',
    fix: 'Run it again to be asked again.',
    exit: EXIT.refused,
  });
}
