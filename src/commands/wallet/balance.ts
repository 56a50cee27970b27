import {Args} from '@oclif/core';

import {LOOK_FLAGS, MoneyCommand} from '../../lib/cli/money-command.ts';
import {table} from '../../lib/cli/output.ts';
import {addressArgument} from '../../lib/cli/amounts.ts';
import {amountToText} from '../../lib/core/units.ts';

export default class WalletBalance extends MoneyCommand<typeof WalletBalance> {
  static override summary = 'Show how much QUIV and POL an account has at hand';
  static override description = 'What is staked, in channels or earned is shown by wallet where.';
  static override args = {address: Args.string({description: 'Account to look at; without it, your own'})};
  static override flags = LOOK_FLAGS;
  static override examples = ['<%= config.bin %> <%= command.id %>', '<%= config.bin %> <%= command.id %> --json'];

  async run(): Promise<object> {
    const {args} = this;
    const address = args.address === undefined ? (await this.account()).address : await addressArgument(args.address);
    const {chain, token} = await this.money();
    const [quiv, pol] = await Promise.all([token.read('balanceOf', [address]), chain.balance(address)]);
    const rows = [
      ['at hand', `${amountToText(quiv)} QUIV`],
      ['for gas', `${amountToText(pol)} POL`],
    ];
    this.log(table(['account', address], rows));
    return {address, quiv, pol};
  }
}
