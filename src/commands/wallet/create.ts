import {Args} from '@oclif/core';

import {BaseCommand} from '../../lib/cli/base-command.ts';
import {PASSWORD_FLAG, readPassword} from '../../lib/cli/password.ts';
import {walletsFolder} from '../../lib/config/places.ts';

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
    const {Wallets} = await import('../../lib/identity/wallets.ts');
    const name = this.args.name ?? (await this.loadSettings()).get('wallet.name');
    const wallets = new Wallets(walletsFolder(this.places));
    await wallets.refuseExisting(name);
    const {environment, interactive} = this;
    const question = `New password for the wallet ${name}`;
    const file = this.flags['password-file'];
    const password = await readPassword({file, environment, interactive, isNew: true, question});
    const wallet = await wallets.create(name, password);
    this.log(wallet.address);
    this.note(`Kept encrypted in ${wallet.file}`);
    return wallet;
  }
}
