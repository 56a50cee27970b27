import {Args} from '@oclif/core';

import {addressArgument} from '../../lib/cli/amounts.ts';
import {LOOK_FLAGS, MoneyCommand} from '../../lib/cli/money-command.ts';
import {stakeLines} from '../../lib/cli/money-text.ts';

export default class StakeStatusCommand extends MoneyCommand<typeof StakeStatusCommand> {
  static override summary = 'Show a stake: tier, rewards, and what is unbonding';
  static override args = {address: Args.string({description: 'Account to look at; without it, your own'})};
  static override flags = LOOK_FLAGS;
  static override examples = ['<%= config.bin %> <%= command.id %>', '<%= config.bin %> <%= command.id %> --json'];

  async run(): Promise<object> {
    const {stakeStatus} = await import('../../lib/settlement/staking/status.ts');
    const {args} = this;
    const address = args.address === undefined ? (await this.account()).address : await addressArgument(args.address);
    const status = await stakeStatus(await this.money(), address);
    this.log(stakeLines(status));
    return status;
  }
}
