import {Args, Flags} from '@oclif/core';

import {MoneyCommand, PLAN_FLAGS} from '../../lib/cli/money-command.ts';

export default class ChannelClose extends MoneyCommand<typeof ChannelClose> {
  static override summary = 'Close a payment channel and have the rest back';
  static override description =
    'The payer closes in two runs of this command with 24 hours between, in which the provider can redeem its newest ' +
    'voucher. A provider closes at once, redeeming its newest voucher.';
  static override args = {
    channel: Args.string({required: true, description: 'First digits of its id, or the address of the other side'}),
  };
  static override flags = {...PLAN_FLAGS, cancel: Flags.boolean({description: 'Keep it open after all'})};
  static override examples = [
    '<%= config.bin %> <%= command.id %> 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --dry-run',
    '<%= config.bin %> <%= command.id %> 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --yes',
  ];

  async run(): Promise<object> {
    const [{findChannel}, {closePlan, cancelClosePlan}] = await Promise.all([
      import('../../lib/settlement/channels/list.ts'),
      import('../../lib/settlement/channels/plans.ts'),
    ]);
    const {cancel} = this.flags;
    using store = await this.channelStore();
    return await this.carryOut(`${this.args.channel}${cancel ? ' cancel' : ''}`, async (money, from) => {
      const channel = await findChannel(money, store, from, this.args.channel);
      return cancel ? cancelClosePlan(money, channel) : closePlan(money, channel);
    });
  }
}
