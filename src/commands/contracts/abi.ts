import {Args} from '@oclif/core';

import {BaseCommand} from '../../lib/cli/base-command.ts';
import {CONTRACT_NAMES} from '../../lib/chain/deploy/artifacts.ts';

export default class ContractsAbi extends BaseCommand<typeof ContractsAbi> {
  static override summary = 'Print the ABI of a contract as JSON';
  static override args = {
    name: Args.string({required: true, options: [...CONTRACT_NAMES], description: 'Name of the contract'}),
  };
  static override examples = ['<%= config.bin %> <%= command.id %> QUIVToken'];

  async run(): Promise<object> {
    const {loadArtifact} = await import('../../lib/chain/deploy/artifacts.ts');
    const name = CONTRACT_NAMES.find((one) => one === this.args.name) ?? 'QUIVToken';
    const {abi} = await loadArtifact(name);
    this.log(JSON.stringify(abi, null, 2));
    return {name, abi};
  }
}
