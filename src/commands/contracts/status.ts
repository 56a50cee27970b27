import {BaseCommand} from '../../lib/cli/base-command.ts';
import {CHAIN_FLAGS} from '../../lib/cli/chain.ts';
import {table} from '../../lib/cli/output.ts';

export default class ContractsStatus extends BaseCommand<typeof ContractsStatus> {
  static override summary = 'Show the contracts of the network, and who governs them';
  static override flags = CHAIN_FLAGS;
  static override examples = ['<%= config.bin %> <%= command.id %>'];

  async run(): Promise<object> {
    const [{openCommandChain}, {requireDeployments}, {contractsStatus}, settings] = await Promise.all([
      import('../../lib/cli/chain.ts'),
      import('../../lib/chain/deploy/deployments.ts'),
      import('../../lib/chain/deploy/status.ts'),
      this.loadSettings(),
    ]);
    const {places, environment, abortSignal: signal} = this;
    const chain = await openCommandChain({settings, places, environment, signal});
    const status = await contractsStatus(chain, await requireDeployments(places, chain));
    const {contracts, roles} = status;
    this.log(`${status.chain.name} (${status.chain.id}), block ${status.chain.block}`);
    this.log(
      table(
        ['CONTRACT', 'ADDRESS', 'STATE'],
        contracts.map(({name, address, state}) => [name, address, state]),
      ),
    );
    this.log(table(['ROLE', 'ACCOUNT'], Object.entries(roles)));
    return status;
  }
}
