import {Flags} from '@oclif/core';

import {BaseCommand} from '../../lib/cli/base-command.ts';
import {CHAIN_FLAGS} from '../../lib/cli/chain.ts';
import {table} from '../../lib/cli/output.ts';
import {EXIT} from '../../lib/core/errors.ts';

export default class ContractsVerify extends BaseCommand<typeof ContractsVerify> {
  static override summary = 'Check that the code on the chain is that of these contracts, and publish their sources';
  static override description =
    'Compares byte for byte with what this version builds, except for values that constructors put into the code. With ' +
    '--at the sources then go to an explorer, which compiles them itself; Etherscan wants a key in ETHERSCAN_API_KEY. ' +
    'Ends with 3 when something differs.';
  static override flags = {
    ...CHAIN_FLAGS,
    offline: Flags.boolean({exclusive: ['at'], description: 'Ask nobody but the chain; this is the default'}),
    at: Flags.option({options: ['etherscan', 'sourcify'] as const, description: 'Publish the sources there'})(),
    url: Flags.string({dependsOn: ['at'], description: 'Another server that speaks like it'}),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %> --offline',
    '<%= config.bin %> <%= command.id %> --json',
  ];

  async run(): Promise<object> {
    const [{openCommandChain}, {requireDeployments}, {verifyOffline}, settings] = await Promise.all([
      import('../../lib/cli/chain.ts'),
      import('../../lib/chain/deploy/deployments.ts'),
      import('../../lib/chain/deploy/verify.ts'),
      this.loadSettings(),
    ]);
    const {places, environment, abortSignal: signal} = this;
    const chain = await openCommandChain({settings, places, environment, signal});
    const deployments = await requireDeployments(places, chain);
    const checks = await verifyOffline(chain, deployments);
    this.log(
      table(
        ['CONTRACT', 'ADDRESS', 'CODE', ''],
        checks.map((check) => [check.name, check.address, check.state, check.detail ?? '']),
      ),
    );
    if (checks.some(({state}) => state !== 'same')) {
      this.endWith(EXIT.changesPending);
      return {checks};
    }
    const {at, url} = this.flags;
    if (at === undefined) return {checks};
    const {publishAll} = await import('../../lib/chain/deploy/explorers.ts');
    const apiKey = environment['ETHERSCAN_API_KEY'];
    const published = await publishAll(deployments, {kind: at, url, apiKey, chainId: chain.id, signal});
    this.log(
      table(
        ['CONTRACT', at.toUpperCase()],
        published.map(({name, state}) => [name, state]),
      ),
    );
    return {checks, published};
  }
}
