import {Args} from '@oclif/core';

import {BaseCommand} from '../../lib/cli/base-command.ts';

export default class ChainAdvance extends BaseCommand<typeof ChainAdvance> {
  static override summary = 'Move the clock of the local chain forward';
  static override args = {duration: Args.string({required: true, description: 'How far, e.g. 14d, 90s or 1h30m'})};
  static override examples = ['<%= config.bin %> <%= command.id %> 14d'];

  async run(): Promise<object> {
    const [{advanceChain}, {parseDuration}] = await Promise.all([
      import('../../lib/cli/local-chain.ts'),
      import('../../lib/core/units.ts'),
    ]);
    const seconds = Math.ceil(parseDuration(this.args.duration) / 1000);
    const {name} = await this.loadProfile();
    const reply = await advanceChain(this.places, name, seconds, this.abortSignal);
    this.log(`It is ${reply.time} on the local chain, block ${reply.block}.`);
    return reply;
  }
}
