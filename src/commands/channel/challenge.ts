import {Args} from '@oclif/core';

import {MoneyCommand, PLAN_FLAGS} from '../../lib/cli/money-command.ts';

export default class ChannelChallenge extends MoneyCommand<typeof ChannelChallenge> {
  static override summary = 'Answer a closing with your newest voucher, before its 24 hours are over';
  static override description =
    'Redeems it, so that the payer cannot close below it. Of every channel that is being closed, or of one.';
  static override args = {
    channel: Args.string({description: 'First digits of its id, or the address of the payer; without it, all'}),
  };
  static override flags = PLAN_FLAGS;
  static override examples = [
    '<%= config.bin %> <%= command.id %> --dry-run',
    '<%= config.bin %> <%= command.id %> --yes',
  ];

  async run(): Promise<object> {
    const [{challengeable}, {redeemPlan}] = await Promise.all([
      import('../../lib/settlement/channels/redeemable.ts'),
      import('../../lib/settlement/channels/plans.ts'),
    ]);
    using store = await this.channelStore();
    const wanted = this.args.channel;
    return await this.carryOut(wanted ?? 'all', async (money, from) =>
      redeemPlan(money, await challengeable(money, store, from, wanted)),
    );
  }
}
