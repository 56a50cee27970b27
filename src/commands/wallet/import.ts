import {Args, Flags} from '@oclif/core';

import {BaseCommand} from '../../lib/cli/base-command.ts';
import {PASSWORD_FLAG} from '../../lib/cli/password.ts';
import {keyToImport} from '../../lib/cli/import-key.ts';

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
    const {newWallet} = await import('../../lib/cli/new-wallet.ts');
    const {places, environment, interactive} = this;
    const settings = await this.loadSettings();
    const options = {settings, places, environment, interactive, passwordFile: this.flags['password-file']};
    const wallet = await newWallet(this.args.name, options, () => keyToImport(this.flags.file, interactive));
    this.log(wallet.address);
    this.note(`Kept encrypted in ${wallet.file}`);
    return wallet;
  }
}
