import {Args, Flags} from '@oclif/core';

import {BaseCommand} from '../../lib/cli/base-command.ts';

export default class ChainFaucet extends BaseCommand<typeof ChainFaucet> {
  static override summary = 'Give an account POL and QUIV of the local chain';
  static override args = {address: Args.string({description: 'Who gets it; by default your wallet'})};
  static override flags = {
    amount: Flags.string({default: '100000', description: 'QUIV'}),
    pol: Flags.string({default: '10', description: 'POL, for gas'}),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %> 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed --amount 5000',
  ];

  async run(): Promise<object> {
    const [{askFaucet}, {openAccount}, {addressArgument}, {amountToText, parseAmount}, settings] = await Promise.all([
      import('../../lib/cli/local-chain.ts'),
      import('../../lib/cli/wallet.ts'),
      import('../../lib/cli/amounts.ts'),
      import('../../lib/core/units.ts'),
      this.loadSettings(),
    ]);
    const {places, environment, interactive, abortSignal: signal} = this;
    const note = (text: string): void => this.note(text);
    const address =
      this.args.address === undefined
        ? (await openAccount({settings, places, environment, interactive, note, signal})).address
        : await addressArgument(this.args.address);
    const wish = {address, pol: parseAmount(this.flags.pol), quiv: parseAmount(this.flags.amount)};
    const reply = await askFaucet(places, settings.profile.name, wish, signal);
    this.log(`${reply.address} has ${amountToText(reply.quiv)} QUIV and ${amountToText(reply.pol)} POL.`);
    return reply;
  }
}
