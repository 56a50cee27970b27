import {Args, Flags} from '@oclif/core';

import {askStake} from '../../lib/cli/ask-stake.ts';
import {amountArgument} from '../../lib/cli/amounts.ts';
import {MoneyCommand, PLAN_FLAGS} from '../../lib/cli/money-command.ts';

export default class Stake extends MoneyCommand<typeof Stake> {
  static override summary = 'Stake QUIV: earn rewards, and reach a tier';
  static override description =
    'Allows the staking contract to take the amount, then stakes it. To have it back: stake unstake, fourteen days ' +
    'later stake withdraw. Without an amount, a terminal is asked, showing balance and tiers.';
  static override args = {amount: Args.string({description: 'How much QUIV, e.g. 1000'})};
  static override flags = {
    ...PLAN_FLAGS,
    provider: Flags.boolean({allowNo: true, description: 'Stake as a provider; without it, as before'}),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %> 1000 --yes',
    '<%= config.bin %> <%= command.id %> 10000 --provider --dry-run',
  ];

  async run(): Promise<object> {
    const [{stakePlan}, {stakeStatus}] = await Promise.all([
      import('../../lib/settlement/staking/plans.ts'),
      import('../../lib/settlement/staking/status.ts'),
    ]);
    const {provider} = this.flags as {provider?: boolean};
    const amount =
      this.args.amount === undefined
        ? await askStake(
            this.interactive,
            () => Promise.all([this.money(), this.account()]),
            (text) => this.note(text),
          )
        : amountArgument(this.args.amount);
    const key = `${amount}${provider === undefined ? '' : ` provider ${provider}`}`;
    const done = await this.carryOut(key, (money, from) => stakePlan(money, {from, amount, isProvider: provider}));
    if (done.status !== 'done') return done;
    const {staked, tier} = await stakeStatus(await this.money(), (await this.account()).address);
    this.note(`Tier: ${tier}. See: quiver stake status`);
    return {...done, staked, tier};
  }
}
