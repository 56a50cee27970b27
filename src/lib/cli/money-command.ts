import type {Command} from '@oclif/core/command';

import {channelsDatabase} from '../config/places.ts';
import type {ChannelStore} from '../settlement/channels/store.ts';
import type {Draft, MoneyContracts} from '../settlement/contracts.ts';
import {CHAIN_FLAGS} from './chain.ts';
import {PlanCommand, type Outcome} from './plan-command.ts';
import {WALLET_FLAGS} from './wallet.ts';

export {PLAN_FLAGS} from './plan-command.ts';

/** For commands that only look. */
export const LOOK_FLAGS = {...WALLET_FLAGS, ...CHAIN_FLAGS};

/** What every command about money shares besides: the contracts, and how a plan that was cut short is found again. */
export abstract class MoneyCommand<T extends typeof Command> extends PlanCommand<T> {
  // Said again: the manifest looks past a class only when it has something of its own.
  static override enableJsonFlag = true;

  #money: Promise<MoneyContracts> | undefined;

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
    const [account, money] = await Promise.all([this.account(), this.money()]);
    using journal = await this.journal();
    const name = {kind: (this.id ?? '').replaceAll(':', ' '), key, from: account.address};
    const begun = journal.unfinished(money.chain.key, name);
    if (begun?.some(({status}) => status !== 'planned') === true) {
      const title = 'An earlier run of this command was cut short; it is finished now, and nothing is done twice.';
      this.note(title);
      const plan = {...name, title, steps: begun};
      return this.dryRun ? {status: 'planned', plan} : {status: 'done', result: await this.execute(plan, journal)};
    }
    // Written down and nothing of it signed: it will be carried out as it was written, so that is what is shown.
    const planned = begun?.at(-1);
    const draft =
      begun === undefined || planned === undefined
        ? await make(money, account.address)
        : {title: planned.what, steps: begun};
    return draft === undefined ? {status: 'empty'} : await this.propose({...name, ...draft}, journal);
  }

  async #openMoney(): Promise<MoneyContracts> {
    const [{loadMoneyAddresses}, {bindMoney}, chain] = await Promise.all([
      import('../chain/deploy/deployments.ts'),
      import('../settlement/contracts.ts'),
      this.chain(),
    ]);
    return bindMoney(chain, await loadMoneyAddresses(this.places, chain.profile.name, chain));
  }
}
