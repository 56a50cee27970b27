import {Args} from '@oclif/core';

import {addressArgument} from '../../lib/cli/amounts.ts';
import {LOOK_FLAGS, MoneyCommand} from '../../lib/cli/money-command.ts';
import {whereLines} from '../../lib/cli/money-text.ts';

export default class WalletWhere extends MoneyCommand<typeof WalletWhere> {
  static override summary = 'Show every place where your QUIV is: the sum adds up';
  static override description =
    'At hand, staked, unbonding with its date, in channels, earned, claimable and on hold, and the command that gets ' +
    'each out.';
  static override args = {address: Args.string({description: 'Account to look at; without it, your own'})};
  static override flags = LOOK_FLAGS;
  static override examples = ['<%= config.bin %> <%= command.id %>', '<%= config.bin %> <%= command.id %> --json'];

  async run(): Promise<object> {
    const {whereIsTheMoney} = await import('../../lib/settlement/where.ts');
    const {args} = this;
    const address = args.address === undefined ? (await this.account()).address : await addressArgument(args.address);
    using store = await this.channelStore();
    const overview = await whereIsTheMoney(await this.money(), store, address);
    this.log(whereLines(overview));
    return overview;
  }
}
