import {Flags} from '@oclif/core';

import {BaseCommand} from '../../lib/cli/base-command.ts';
import {CHAIN_FLAGS} from '../../lib/cli/chain.ts';
import {table} from '../../lib/cli/output.ts';
import {SIGNER_FLAGS} from '../../lib/cli/wallet.ts';

const ADDRESS = {helpValue: '<address>'};
const NAMES = ['QUIVToken', 'QUIVerRoles', 'QUIVerChannels', 'QUIVerSettlement', 'QUIVerStaking'] as const;

export default class ContractsDeploy extends BaseCommand<typeof ContractsDeploy> {
  static override summary = 'Deploy the contracts to the chain of the network';
  static override description =
    'Shows what is missing there and what it costs, asks, and deploys it; the addresses follow from the settings alone. ' +
    'Run again, it goes on where it was cut short, and then does nothing.';
  static override flags = {
    ...SIGNER_FLAGS,
    ...CHAIN_FLAGS,
    contract: Flags.option({options: NAMES, description: 'Only this one and what it needs'})(),
    holder: Flags.string({...ADDRESS, description: 'Gets all QUIV; by default the deployer'}),
    multisig: Flags.string({...ADDRESS, description: 'Governs through the timelock; by default the deployer'}),
    guardian: Flags.string({...ADDRESS, description: 'May pause deposits; by default the deployer'}),
    arbiter: Flags.string({...ADDRESS, description: 'Decides on slash reports; by default the deployer'}),
    'minimum-bond': Flags.string({description: 'Least bond of an aggregator; by default 10000 QUIV'}),
    'activation-delay': Flags.string({description: 'From a batch to its claims, 1m to 3d; by default 24h'}),
    'dry-run': Flags.boolean({description: 'Show what would be done and what it costs, and do nothing'}),
    yes: Flags.boolean({char: 'y', description: 'Do it without asking'}),
    'i-know-this-is-unaudited': Flags.boolean({description: 'Needed on a mainnet'}),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %> --dry-run',
    '<%= config.bin %> <%= command.id %> --contract QUIVToken --yes',
  ];

  async run(): Promise<object> {
    const [{deployContracts}, {deployWishes, confirmPlan, deployAccount}, {openCommandChain}, settings] =
      await Promise.all([
        import('../../lib/cli/deploy.ts'),
        import('../../lib/cli/deploy-input.ts'),
        import('../../lib/cli/chain.ts'),
        this.loadSettings(),
      ]);
    const {places, environment, abortSignal: signal, interactive, flags} = this;
    const wishes = deployWishes(flags);
    const chain = await openCommandChain({settings, places, environment, signal});
    const note = (text: string): void => this.note(text);
    const account = await deployAccount(
      {settings, places, environment, interactive, note, signal},
      flags['password-file'],
    );
    const confirm = (text: string): Promise<void> =>
      confirmPlan(text, {...flags, interactive, print: (line) => this.log(line), note});
    const outcome = await deployContracts(this, {chain, account, wishes}, confirm, signal);
    this.log(
      table(
        ['CONTRACT', 'ADDRESS', ''],
        outcome.contracts.map(({name, address, state}) => [name, address, state]),
      ),
    );
    if (outcome.isDone) this.note('Nothing was missing.');
    return outcome;
  }
}
