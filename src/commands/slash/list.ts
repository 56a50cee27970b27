import {Args} from '@oclif/core';

import {addressArgument} from '../../lib/cli/amounts.ts';
import {CHAIN_FLAGS} from '../../lib/cli/chain.ts';
import {MoneyCommand} from '../../lib/cli/money-command.ts';
import {reportLines} from '../../lib/cli/money-text.ts';

export default class SlashList extends MoneyCommand<typeof SlashList> {
  static override summary = 'List reports, what they may cost and until when they can be disputed';
  static override args = {account: Args.string({description: 'Only reports on this account'})};
  static override flags = CHAIN_FLAGS;
  static override examples = ['<%= config.bin %> <%= command.id %>', '<%= config.bin %> <%= command.id %> --json'];

  async run(): Promise<object> {
    const {listReports} = await import('../../lib/settlement/staking/slashing.ts');
    const account = this.args.account === undefined ? undefined : await addressArgument(this.args.account);
    const reports = await listReports(await this.money(), {account});
    if (reports.length > 0) this.log(reportLines(reports));
    else this.note('No reports.');
    return {reports};
  }
}
