import type {Config} from '../config/config.ts';
import {walletsFolder, type Places} from '../config/places.ts';
import type {NetworkProfile} from '../config/profile.ts';
import {QuiverError} from '../core/errors.ts';
import type {Signer} from '../identity/signer.ts';
import {keyFlag} from './flags.ts';
import {PASSWORD_FLAG, readPassword} from './password.ts';

/** Of the local chain's accounts, the one for people. */
const LOCAL_DEFAULT = 'staker';

/** Which account a command is about; for commands that only look, its password is not needed. */
export const WALLET_FLAGS = {
  wallet: keyFlag('wallet.name', {summary: 'Wallet that it is about'}),
};

/** For commands that sign. */
export const SIGNER_FLAGS = {
  ...WALLET_FLAGS,
  'password-file': PASSWORD_FLAG,
};

/** The account that pays, before anybody has asked for its password. */
export interface Account {
  address: string;
  /** For people: where its key is. */
  source: string;
  /** Asks for the password where one is needed. */
  unlock(): Promise<Signer>;
}

export interface AccountOptions {
  settings: Config;
  places: Places;
  environment: Readonly<Record<string, string | undefined>>;
  interactive: boolean;
  passwordFile?: string | undefined;
  note: (text: string) => void;
  signal: AbortSignal;
}

/**
 * The account of a command: the wallet that --wallet names, else PRIVATE_KEY, else the remote signer of the
 * configuration, else its wallet.
 */
export async function openAccount(options: AccountOptions): Promise<Account> {
  const {settings, environment} = options;
  const named = settings.origin('wallet.name').layer === 'flag';
  const key = environment['PRIVATE_KEY'];
  if (!named && key !== undefined && key !== '') return keyAccount(key, options);
  const url = settings.get('wallet.remote_signer');
  if (!named && url !== undefined) return remoteAccount(url, options);
  return walletAccount(options);
}

async function keyAccount(key: string, {note}: AccountOptions): Promise<Account> {
  const [{secretFromHex}, {keySigner}] = await Promise.all([
    import('../identity/wallets.ts'),
    import('../identity/signer.ts'),
  ]);
  const secret = secretFromHex(key);
  if (secret === undefined) throw badPrivateKey();
  const signer = keySigner(secret);
  note(
    `Warning: using the key in PRIVATE_KEY (${signer.address}). Programs that you run can read it; ` +
      'a wallet is safer: quiver wallet import',
  );
  return {address: signer.address, source: 'PRIVATE_KEY', unlock: () => Promise.resolve(signer)};
}

async function remoteAccount(url: string, {settings, signal}: AccountOptions): Promise<Account> {
  const {remoteSigner} = await import('../identity/remote-signer.ts');
  const address = settings.get('wallet.remote_address');
  const signer = await remoteSigner({url, ...(address === undefined ? {} : {address})}, signal);
  return {address: signer.address, source: `remote signer ${url}`, unlock: () => Promise.resolve(signer)};
}

async function walletAccount(options: AccountOptions): Promise<Account> {
  const {settings, places, environment, interactive, passwordFile} = options;
  const {Wallets} = await import('../identity/wallets.ts');
  const wallets = new Wallets(walletsFolder(places));
  const wanted = settings.get('wallet.name');
  const wallet = await wallets.show(wanted).catch(async (error: unknown) => {
    const account = isMissing(error) ? await localAccount(options, wanted) : undefined;
    if (account === undefined) throw error;
    return account;
  });
  if ('unlock' in wallet) return wallet;
  const {name, address, file} = wallet;
  return {
    address,
    source: file,
    async unlock() {
      const question = `Password of the wallet ${name}`;
      const password = await readPassword({file: passwordFile, environment, interactive, isNew: false, question});
      return wallets.unlock(name, password);
    },
  };
}

function isMissing(error: unknown): boolean {
  return error instanceof QuiverError && error.code === 'WALLET_MISSING';
}

/** Whoever has no wallet yet uses the local chain's own accounts there, which have funds from the start. */
async function localAccount({settings, places, note}: AccountOptions, wanted: string): Promise<Account | undefined> {
  const isDefault = settings.origin('wallet.name').layer === 'default';
  const name = isDefault ? LOCAL_DEFAULT : wanted;
  const account = await accountOfLocalChain(settings.profile, places, name);
  if (account !== undefined && isDefault)
    note(`No wallet yet: using the local chain's account "${name}" (${account.address}).`);
  return account;
}

/** One of the local chain's own accounts; undefined elsewhere, and where it was never started. */
export async function accountOfLocalChain(
  {name: profile, loopbackOnly}: NetworkProfile,
  places: Places,
  name: string,
): Promise<Account | undefined> {
  if (!loopbackOnly) return undefined;
  const [{localChainFolder, readLocalAccounts}, {keySigner}] = await Promise.all([
    import('../chain/local/accounts.ts'),
    import('../identity/signer.ts'),
  ]);
  const accounts = await readLocalAccounts(localChainFolder(places, profile));
  const account = accounts?.find((each) => each.name === name);
  if (account === undefined) return undefined;
  const {address, secret} = account;
  return {address, source: `local chain, account ${name}`, unlock: () => Promise.resolve(keySigner(secret))};
}

function badPrivateKey(): QuiverError {
  return new QuiverError({
    code: 'PRIVATE_KEY_INVALID',
    message: 'PRIVATE_KEY is not a private key: 64 hexadecimal digits, with or without 0x',
    fix: 'Correct it, or use a wallet: unset PRIVATE_KEY',
    exit: 2,
  });
}
