import {MoneyCommand, PLAN_FLAGS} from '../../lib/cli/money-command.ts';

export default class StakeWithdraw extends MoneyCommand<typeof StakeWithdraw> {
  static override summary = 'Take out what has unbonded';
  static override flags = PLAN_FLAGS;
  static override examples = [
    '<%= config.bin %> <%= command.id %> --dry-run',
    '<%= config.bin %> <%= command.id %> --yes',
  ];

  async run(): Promise<object> {
    const {withdrawPlan} = await import('../../lib/settlement/staking/plans.ts');
    return this.carryOut('all', withdrawPlan);
  }
}
