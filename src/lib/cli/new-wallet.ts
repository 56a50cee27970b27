import {walletsFolder} from '../config/places.ts';
import type {Wallet} from '../identity/wallets.ts';
import {readPassword} from './password.ts';
import type {AccountOptions} from './wallet.ts';

/**
 * Keeps a key encrypted under a name, or under that which commands use by themselves: a new key, or the one that
 * `readKey` brings. The name is looked at first, before anybody types a password in vain.
 */
export async function newWallet(
  name: string | undefined,
  {settings, places, environment, interactive, passwordFile: file}: Omit<AccountOptions, 'note' | 'signal'>,
  readKey?: () => Promise<string>,
): Promise<Wallet> {
  const {Wallets} = await import('../identity/wallets.ts');
  const wallets = new Wallets(walletsFolder(places));
  const chosen = name ?? settings.get('wallet.name');
  await wallets.refuseExisting(chosen);
  const key = await readKey?.();
  const question = `${key === undefined ? 'New password' : 'Password'} for the wallet ${chosen}`;
  const password = await readPassword({file, environment, interactive, isNew: true, question});
  return key === undefined ? wallets.create(chosen, password) : wallets.import(chosen, key, password);
}
