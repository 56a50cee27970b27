import {Args} from '@oclif/core';

import {amountArgument} from '../../lib/cli/amounts.ts';
import {MoneyCommand, PLAN_FLAGS} from '../../lib/cli/money-command.ts';

export default class ChannelTopup extends MoneyCommand<typeof ChannelTopup> {
  static override summary = 'Add to an open payment channel';
  static override args = {
    channel: Args.string({required: true, description: 'First digits of its id, or the address of the other side'}),
    amount: Args.string({required: true, description: 'How much QUIV to add'}),
  };
  static override flags = PLAN_FLAGS;
  static override examples = [
    '<%= config.bin %> <%= command.id %> 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 10 --yes',
    '<%= config.bin %> <%= command.id %> 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 10 --dry-run',
  ];

  async run(): Promise<object> {
    const [{findChannel}, {topUpPlan}] = await Promise.all([
      import('../../lib/settlement/channels/list.ts'),
      import('../../lib/settlement/channels/plans.ts'),
    ]);
    const amount = amountArgument(this.args.amount);
    using store = await this.channelStore();
    return await this.carryOut(`${this.args.channel} ${amount}`, async (money, from) =>
      topUpPlan(money, await findChannel(money, store, from, this.args.channel), {from, amount}),
    );
  }
}
