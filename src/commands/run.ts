import {Args} from '@oclif/core';

import {SERVICE_NAMES, type ServiceName} from '../lib/catalog/service-names.ts';
import {BaseCommand} from '../lib/cli/base-command.ts';

export default class Run extends BaseCommand<typeof Run> {
  static override summary = 'Run several services in one process, on one node';
  static override description =
    'They share a libp2p node, its sockets and the admin server. The node takes the key and the settings of the first.';
  static override args = {
    service: Args.string({required: true, multiple: true, options: [...SERVICE_NAMES], description: 'What to run'}),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %> bootstrap relay',
    '<%= config.bin %> <%= command.id %> provider bootstrap relay',
  ];

  async run(): Promise<void> {
    const [first, ...others] = this.args.service as [ServiceName, ...ServiceName[]];
    const {serve} = await import('../lib/cli/serve.ts');
    await serve(this, [first, ...others]);
  }
}
