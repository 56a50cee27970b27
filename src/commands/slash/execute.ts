import {Args} from '@oclif/core';

import {MoneyCommand, PLAN_FLAGS} from '../../lib/cli/money-command.ts';

export default class SlashExecute extends MoneyCommand<typeof SlashExecute> {
  static override summary = 'Carry out a report that nobody disputed, or fetch the bond of one that lapsed';
  static override description = 'Anyone may do it; what it brings goes to who reported.';
  static override args = {report: Args.string({required: true, description: 'First digits of its id (slash list)'})};
  static override flags = PLAN_FLAGS;
  static override examples = [
    '<%= config.bin %> <%= command.id %> 0xe08ed9af --dry-run',
    '<%= config.bin %> <%= command.id %> 0xe08ed9af --yes',
  ];

  async run(): Promise<object> {
    const {executePlan} = await import('../../lib/settlement/staking/slashing.ts');
    const evidence = this.args.report;
    return this.carryOut(evidence, (money) => executePlan(money, evidence));
  }
}
