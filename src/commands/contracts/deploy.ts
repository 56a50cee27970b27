import {Flags} from '@oclif/core';

import {table} from '../../lib/cli/output.ts';
import {PLAN_FLAGS, PlanCommand} from '../../lib/cli/plan-command.ts';
import type {Account, AccountOptions} from '../../lib/cli/wallet.ts';

const ADDRESS = {helpValue: '<address>'};
const NAMES = ['QUIVToken', 'QUIVerRoles', 'QUIVerChannels', 'QUIVerSettlement', 'QUIVerStaking'] as const;

export default class ContractsDeploy extends PlanCommand<typeof ContractsDeploy> {
  static override summary = 'Deploy the contracts to the chain of the network';
  static override description =
    'Shows what is missing there and what it costs, asks, and deploys it; the addresses follow from the settings alone. ' +
    'Run again, it goes on where it was cut short, and then does nothing.';
  static override flags = {
    ...PLAN_FLAGS,
    contract: Flags.option({options: NAMES, description: 'Only this one and what it needs'})(),
    holder: Flags.string({...ADDRESS, description: 'Gets all QUIV; by default the deployer'}),
    multisig: Flags.string({...ADDRESS, description: 'Governs through the timelock; by default the deployer'}),
    guardian: Flags.string({...ADDRESS, description: 'May pause deposits; by default the deployer'}),
    arbiter: Flags.string({...ADDRESS, description: 'Decides on slash reports; by default the deployer'}),
    'minimum-bond': Flags.string({description: 'Least bond of an aggregator; by default 10000 QUIV'}),
    'activation-delay': Flags.string({description: 'From a batch to its claims, 1m to 3d; by default 24h'}),
    'i-know-this-is-unaudited': Flags.boolean({description: 'Needed on a mainnet'}),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %> --dry-run',
    '<%= config.bin %> <%= command.id %> --contract QUIVToken --yes',
  ];

  async run(): Promise<object> {
    const [{prepareDeployment}, {deployWishes}] = await Promise.all([
      import('../../lib/cli/deploy.ts'),
      import('../../lib/cli/deploy-input.ts'),
    ]);
    const wishes = await deployWishes(this.flags);
    const [chain, {address}] = [await this.chain(), await this.account()];
    const {plan, contracts, writeDown} = await prepareDeployment(this.places, chain, address, wishes);
    using journal = await this.journal();
    const isDone = plan.steps.length === 0;
    const result = isDone ? undefined : (await this.propose(plan, journal)).result;
    const list = contracts(this.dryRun ? 'planned' : 'created');
    const rows = list.map(({name, address: at, state}) => [name, at, state]);
    this.log(table(['CONTRACT', 'ADDRESS', ''], rows));
    if (isDone) this.note('Nothing was missing.');
    if (this.dryRun) return {isDone, plan, contracts: list};
    return {isDone, plan, contracts: list, ...(result !== undefined && {result}), file: await writeDown(result)};
  }

  protected override async openAccount(options: AccountOptions): Promise<Account> {
    const {deployAccount} = await import('../../lib/cli/deploy-input.ts');
    return deployAccount(options);
  }
}
