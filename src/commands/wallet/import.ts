import {Args, Flags} from '@oclif/core';

import {BaseCommand} from '../../lib/cli/base-command.ts';
import {PASSWORD_FLAG, readPassword} from '../../lib/cli/password.ts';
import {keyToImport} from '../../lib/cli/import-key.ts';
import {walletsFolder} from '../../lib/config/places.ts';

export default class WalletImport extends BaseCommand<typeof WalletImport> {
  static override summary = 'Bring a key in: a private key, or a keystore file of another wallet';
  static override description =
    'The key comes from a file or from stdin, never from the command line, where others could read it. A keystore is ' +
    'opened with the same password that it is then kept under.';
  static override args = {
    name: Args.string({description: 'Name of the wallet; without it, the one that commands use by themselves'}),
  };
  static override flags = {
    file: Flags.string({helpValue: '<file>', description: 'File with the key; without it, stdin or a question'}),
    'password-file': PASSWORD_FLAG,
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %> imported --file key.txt',
    '<%= config.bin %> <%= command.id %> piped < key.txt',
  ];

  async run(): Promise<object> {
    const {Wallets} = await import('../../lib/identity/wallets.ts');
    const name = this.args.name ?? (await this.loadSettings()).get('wallet.name');
    const wallets = new Wallets(walletsFolder(this.places));
    await wallets.refuseExisting(name);
    const {environment, interactive} = this;
    const content = await keyToImport(this.flags.file, interactive);
    const question = `Password for the wallet ${name}`;
    const file = this.flags['password-file'];
    const password = await readPassword({file, environment, interactive, isNew: true, question});
    const wallet = await wallets.import(name, content, password);
    this.log(wallet.address);
    this.note(`Kept encrypted in ${wallet.file}`);
    return wallet;
  }
}
