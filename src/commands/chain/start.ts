import {Flags} from '@oclif/core';

import {BaseCommand} from '../../lib/cli/base-command.ts';
import {keyFlag} from '../../lib/cli/flags.ts';

export default class ChainStart extends BaseCommand<typeof ChainStart> {
  static override summary = 'Run a local chain with the contracts on it';
  static override description =
    'An EVM in this process, on loopback only. It keeps its blocks: after a restart it goes on where it stopped. ' +
    'Its accounts are made the first time, with POL and QUIV; nobody else has their keys.';
  static override flags = {
    port: Flags.integer({min: 0, max: 65_535, default: 8545, description: 'JSON-RPC port; 0 takes a free one'}),
    'admin-port': keyFlag('admin.port'),
    contracts: Flags.boolean({allowNo: true, default: true, description: 'Deploy the contracts and hand out QUIV'}),
  };
  static override examples = ['<%= config.bin %> <%= command.id %> --port 0 --admin-port 0'];

  async run(): Promise<void> {
    const [config, {LocalChainService}, {runHere}, {serviceLogger}, {announceAccounts, localProfile}] =
      await Promise.all([
        this.loadSettings(),
        import('../../lib/chain/local/local-chain-service.ts'),
        import('../../lib/cli/serve.ts'),
        import('../../lib/cli/run-services.ts'),
        import('../../lib/cli/local-chain.ts'),
      ]);
    const log = await serviceLogger(config.get('log.level'));
    const service = new LocalChainService({
      profile: localProfile(config.profile),
      places: this.places,
      port: this.flags.port,
      version: this.config.version,
      contracts: this.flags.contracts,
      onAccountsCreated: (accounts, file) => announceAccounts(this, accounts, file),
    });
    await runHere(this, config, {services: [service], log});
  }
}
