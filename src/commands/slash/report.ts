import {Args, Flags} from '@oclif/core';

import {addressArgument} from '../../lib/cli/amounts.ts';
import {MoneyCommand, PLAN_FLAGS} from '../../lib/cli/money-command.ts';

/** What the staking contract knows (src/lib/settlement/staking/slashing.ts). */
const VIOLATIONS = ['canary', 'equivocation'] as const;

export default class SlashReport extends MoneyCommand<typeof SlashReport> {
  static override summary = 'Report an account that broke the rules, with a bond';
  static override description =
    'The account has three days to dispute it; then anyone may execute it. Half of what is slashed goes to you, the ' +
    'rest is burned. Your bond comes back unless the arbiter finds the report wrong.';
  static override args = {account: Args.string({required: true, description: 'Address of the account'})};
  static override flags = {
    ...PLAN_FLAGS,
    violation: Flags.option({
      options: VIOLATIONS,
      default: 'canary' as const,
      description: 'canary: answers that failed a check; equivocation: two signed records that exclude one another',
    })(),
    digest: Flags.string({
      required: true,
      multiple: true,
      multipleNonGreedy: true,
      helpValue: '<0x…>',
      description: 'Digest of a failed answer, or of each of the two records; can be given again',
    }),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %> 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --digest 0x1111111111111111111111111111111111111111111111111111111111111111 --yes',
    '<%= config.bin %> <%= command.id %> 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --digest 0x2222222222222222222222222222222222222222222222222222222222222222 --dry-run',
  ];

  async run(): Promise<object> {
    const {reportPlan} = await import('../../lib/settlement/staking/slashing.ts');
    const account = await addressArgument(this.args.account);
    const {violation, digest: digests} = this.flags;
    const key = `${account} ${violation} ${digests.join(' ')}`;
    return this.carryOut(key, (money, from) => reportPlan(money, {from, account, violation, digests}));
  }
}
