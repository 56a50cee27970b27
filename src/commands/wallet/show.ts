import {BaseCommand} from '../../lib/cli/base-command.ts';
import {table} from '../../lib/cli/output.ts';
import {WALLET_FLAGS} from '../../lib/cli/wallet.ts';
import {walletsFolder} from '../../lib/config/places.ts';

export default class WalletShow extends BaseCommand<typeof WalletShow> {
  static override summary = 'List the wallets on this machine and their addresses';
  static override description = 'Needs no password and no network. What they hold: wallet balance, wallet where.';
  static override flags = WALLET_FLAGS;
  static override examples = ['<%= config.bin %> <%= command.id %>', '<%= config.bin %> <%= command.id %> --json'];

  async run(): Promise<object> {
    const {Wallets} = await import('../../lib/identity/wallets.ts');
    const settings = await this.loadSettings();
    const used = settings.get('wallet.name');
    const wallets = new Wallets(walletsFolder(this.places));
    const chosen = settings.origin('wallet.name').layer === 'flag';
    const found = (chosen ? [await wallets.show(used)] : await wallets.list()).map((wallet) => ({
      ...wallet,
      current: wallet.name === used,
    }));
    const rows = found.map(({name, address, current}) => [name, address, current ? 'in use' : '']);
    if (rows.length > 0) this.log(table(['NAME', 'ADDRESS', ''], rows));
    else this.note('No wallet yet. Make one: quiver wallet create');
    return {wallets: found};
  }
}
