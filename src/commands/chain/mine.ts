import {Args} from '@oclif/core';

import {BaseCommand} from '../../lib/cli/base-command.ts';

export default class ChainMine extends BaseCommand<typeof ChainMine> {
  static override summary = 'Mine empty blocks on the local chain, a second apart';
  static override args = {
    blocks: Args.integer({default: 1, min: 1, max: 10_000, description: 'How many'}),
  };
  static override examples = ['<%= config.bin %> <%= command.id %> 5'];

  async run(): Promise<object> {
    const {mineBlocks} = await import('../../lib/cli/local-chain.ts');
    const {name} = await this.loadProfile();
    const reply = await mineBlocks(this.places, name, this.args.blocks, this.abortSignal);
    this.log(`Block ${reply.block}, ${reply.time}.`);
    return reply;
  }
}
