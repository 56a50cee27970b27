import {LOOK_FLAGS, MoneyCommand} from '../../lib/cli/money-command.ts';
import {table} from '../../lib/cli/output.ts';
import {amountToText} from '../../lib/core/units.ts';

export default class RewardsShow extends MoneyCommand<typeof RewardsShow> {
  static override summary = 'Show the rewards that a stake has earned';
  static override description =
    'Rewards come out of a reserve that was paid in, second by second, shared by stake and tier.';
  static override flags = LOOK_FLAGS;
  static override examples = ['<%= config.bin %> <%= command.id %>', '<%= config.bin %> <%= command.id %> --json'];

  async run(): Promise<object> {
    const {stakeStatus} = await import('../../lib/settlement/staking/status.ts');
    const status = await stakeStatus(await this.money(), (await this.account()).address);
    const {address, pendingRewards, rewardsPerDay, autoCompound, staked, tier} = status;
    const rows = [
      ['a day, at the present rate', `${amountToText(rewardsPerDay)} QUIV`],
      ['auto-compound', autoCompound ? 'on: a keeper may stake them once a day for 1 % of them' : 'off'],
    ];
    this.log(table(['to claim', `${amountToText(pendingRewards)} QUIV`], rows));
    if (staked === 0n) this.note('Nothing is staked. Begin with: quiver stake 1000');
    return {address, pendingRewards, rewardsPerDay, autoCompound, staked, tier};
  }
}
