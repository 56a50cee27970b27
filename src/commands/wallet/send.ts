import {Args, Flags} from '@oclif/core';

import {addressArgument, amountArgument} from '../../lib/cli/amounts.ts';
import {MoneyCommand, PLAN_FLAGS} from '../../lib/cli/money-command.ts';

export default class WalletSend extends MoneyCommand<typeof WalletSend> {
  static override summary = 'Send QUIV or POL to somebody';
  static override args = {
    amount: Args.string({required: true, description: 'How much, e.g. 12.5'}),
    to: Args.string({required: true, description: 'Address of the receiver'}),
  };
  static override flags = {
    ...PLAN_FLAGS,
    token: Flags.option({options: ['quiv', 'pol'] as const, default: 'quiv' as const, description: 'What to send'})(),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %> 12.5 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --yes',
    '<%= config.bin %> <%= command.id %> 0.1 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --token pol --dry-run',
  ];

  async run(): Promise<object> {
    const {sendPlan} = await import('../../lib/settlement/funds.ts');
    const {token: asset} = this.flags;
    const amount = amountArgument(this.args.amount, asset === 'pol' ? 'POL' : 'QUIV');
    const to = await addressArgument(this.args.to);
    return this.carryOut(`${amount} ${asset} to ${to}`, (money, from) => sendPlan(money, {from, to, amount, asset}));
  }
}
