import {Flags} from '@oclif/core';

import {amountArgument} from '../../lib/cli/amounts.ts';
import {MoneyCommand, PLAN_FLAGS} from '../../lib/cli/money-command.ts';

export default class RewardsCompound extends MoneyCommand<typeof RewardsCompound> {
  static override summary = 'Stake your rewards, now or whenever somebody does it for you';
  static override description =
    'With --auto anyone may stake them for you once a day and keeps 1 % of them, at most 5 QUIV; --no-auto ends that.';
  static override flags = {
    ...PLAN_FLAGS,
    auto: Flags.boolean({allowNo: true, description: 'Let keepers do it from now on, or no longer'}),
    min: Flags.string({helpValue: '<amount>', description: 'Stake them now only if they are at least this much QUIV'}),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %> --auto --min 5 --yes',
    '<%= config.bin %> <%= command.id %> --no-auto --yes',
  ];

  async run(): Promise<object> {
    const {compoundPlan} = await import('../../lib/settlement/staking/rewards.ts');
    const {auto, min: text} = this.flags as {auto?: boolean; min?: string};
    const min = text === undefined ? undefined : amountArgument(text);
    const key = `auto ${auto ?? 'as before'}, from ${min ?? 0n}`;
    const done = await this.carryOut(key, (money, from) => compoundPlan(money, {from, auto, min}));
    if (done.status === 'empty') this.note('Nothing to do: it is set so already, and the rewards are below --min.');
    return done;
  }
}
