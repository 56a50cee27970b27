import {Args} from '@oclif/core';

import {amountArgument} from '../../lib/cli/amounts.ts';
import {MoneyCommand, PLAN_FLAGS} from '../../lib/cli/money-command.ts';

export default class StakeUnstake extends MoneyCommand<typeof StakeUnstake> {
  static override summary = 'Begin to take a stake back: it is free fourteen days later';
  static override description =
    'What unbonds earns nothing and can still be slashed. There is one unbonding at a time: adding to it starts its ' +
    'fourteen days anew.';
  static override args = {amount: Args.string({required: true, description: 'How much QUIV, or all'})};
  static override flags = PLAN_FLAGS;
  static override examples = [
    '<%= config.bin %> <%= command.id %> 100 --yes',
    '<%= config.bin %> <%= command.id %> all --dry-run',
  ];

  async run(): Promise<object> {
    const {unstakePlan} = await import('../../lib/settlement/staking/plans.ts');
    const amount = this.args.amount === 'all' ? ('all' as const) : amountArgument(this.args.amount);
    return this.carryOut(String(amount), (money, from) => unstakePlan(money, {from, amount}));
  }
}
