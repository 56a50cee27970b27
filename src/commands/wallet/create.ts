import {Args} from '@oclif/core';

import {BaseCommand} from '../../lib/cli/base-command.ts';
import {PASSWORD_FLAG} from '../../lib/cli/password.ts';

export default class WalletCreate extends BaseCommand<typeof WalletCreate> {
  static override summary = 'Make a wallet: a new key, kept encrypted under a password';
  static override description =
    'A keystore file of version 3 (scrypt), as most wallets read it. Without the password nobody gets at the key, you ' +
    'neither: keep both safe.';
  static override args = {
    name: Args.string({description: 'Name of the wallet; without it, the one that commands use by themselves'}),
  };
  static override flags = {'password-file': PASSWORD_FLAG};
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> savings --password-file password.txt',
  ];

  async run(): Promise<object> {
    const {newWallet} = await import('../../lib/cli/new-wallet.ts');
    const {places, environment, interactive} = this;
    const settings = await this.loadSettings();
    const options = {settings, places, environment, interactive, passwordFile: this.flags['password-file']};
    const wallet = await newWallet(this.args.name, options);
    this.log(wallet.address);
    this.note(`Kept encrypted in ${wallet.file}`);
    return wallet;
  }
}
