import {MoneyCommand, PLAN_FLAGS} from '../../lib/cli/money-command.ts';

export default class RewardsClaim extends MoneyCommand<typeof RewardsClaim> {
  static override summary = 'Have your rewards paid out';
  static override flags = PLAN_FLAGS;
  static override examples = [
    '<%= config.bin %> <%= command.id %> --yes',
    '<%= config.bin %> <%= command.id %> --dry-run --json',
  ];

  async run(): Promise<object> {
    const {claimPlan} = await import('../../lib/settlement/staking/rewards.ts');
    return this.carryOut('all', claimPlan);
  }
}
