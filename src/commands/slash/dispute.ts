import {Args} from '@oclif/core';

import {MoneyCommand, PLAN_FLAGS} from '../../lib/cli/money-command.ts';

export default class SlashDispute extends MoneyCommand<typeof SlashDispute> {
  static override summary = 'Take a report on you to the arbiter';
  static override description = 'Within three days of the report. If it is found wrong, its bond is yours.';
  static override args = {report: Args.string({required: true, description: 'First digits of its id (slash list)'})};
  static override flags = PLAN_FLAGS;
  static override examples = [
    '<%= config.bin %> <%= command.id %> 0x9a97706e --dry-run',
    '<%= config.bin %> <%= command.id %> 0x9a97706e --yes',
  ];

  async run(): Promise<object> {
    const {disputePlan} = await import('../../lib/settlement/staking/slashing.ts');
    const evidence = this.args.report;
    return this.carryOut(evidence, (money, from) => disputePlan(money, {from, evidence}));
  }
}
