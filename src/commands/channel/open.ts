import {Args, Flags} from '@oclif/core';

import {addressArgument, amountArgument} from '../../lib/cli/amounts.ts';
import {MoneyCommand, PLAN_FLAGS} from '../../lib/cli/money-command.ts';

export default class ChannelOpen extends MoneyCommand<typeof ChannelOpen> {
  static override summary = 'Open a payment channel to a provider';
  static override description =
    'The amount is put aside for this provider; what you sign with `channel pay` is what it gets of it. The rest comes ' +
    'back when the channel is closed.';
  static override args = {
    provider: Args.string({required: true, description: "Address that the provider's manifest names"}),
    amount: Args.string({required: true, description: 'How much QUIV to put in'}),
  };
  static override flags = {
    ...PLAN_FLAGS,
    signer: Flags.string({
      helpValue: '<address>',
      description: 'Account that signs the vouchers; without it, your own',
    }),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %> 0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC 25 --dry-run',
    '<%= config.bin %> <%= command.id %> 0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC 25 --yes',
  ];

  async run(): Promise<object> {
    const {openPlan} = await import('../../lib/settlement/channels/plans.ts');
    const provider = await addressArgument(this.args.provider);
    const amount = amountArgument(this.args.amount);
    const signer = this.flags.signer === undefined ? undefined : await addressArgument(this.flags.signer);
    const key = `${provider} ${amount} ${signer ?? ''}`;
    return this.carryOut(key, (money, from) => openPlan(money, {from, provider, amount, signer}));
  }
}
