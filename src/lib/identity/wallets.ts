import {readdir} from 'node:fs/promises';
import {basename, join} from 'node:path';

import {QuiverError} from '../core/errors.ts';
import {createPrivateFile} from '../core/private-file.ts';
import {generatePaymentSecret, paymentKeyFromBytes} from '../core/secp256k1.ts';
import {damagedKey, readKeyFile} from './key-file.ts';
import {decryptSecret, encryptSecret, keystoreAddress} from './keystore.ts';
import {keySigner, type Signer} from './signer.ts';
import {notAKey, walletExists, walletMissing, walletName, weakPassword} from './wallet-errors.ts';

/** Scrypt makes guessing slow, not impossible. */
const LEAST_PASSWORD_LENGTH = 8;
const EXTENSION = '.json';
/** A wallet's name is a file's name. */
const WALLET_NAME = /^[a-z0-9][a-z0-9-]{0,31}$/;
/** A folder with more files than this is not one of ours. */
const MAX_WALLETS = 1_000;

/** A wallet on this machine, seen without its password. */
export interface Wallet {
  name: string;
  /** EIP-55. */
  address: string;
  file: string;
}

/** The keystores in one folder, `<name>.json` each, 0600. */
export class Wallets {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Makes a key and keeps it encrypted. Throws `WALLET_EXISTS`, `WALLET_NAME`, `WALLET_PASSWORD_SHORT`. */
  async create(name: string, password: string): Promise<Wallet> {
    return this.#keep(name, generatePaymentSecret(), password);
  }

  /**
   * Keeps a private key (hexadecimal) under a password, or takes in a keystore that this password opens.
   * Throws `WALLET_IMPORT` for anything else, and as `create`.
   */
  async import(name: string, content: string, password: string): Promise<Wallet> {
    return this.#keep(name, await secretFrom(content.trim(), password), password);
  }

  /** Throws `WALLET_MISSING`, `WALLET_NAME`, `IDENTITY_DAMAGED`, `IDENTITY_TOO_OPEN`. */
  async show(name: string): Promise<Wallet> {
    const file = this.#file(name);
    const address = keystoreAddress(await this.#read(name));
    if (address === undefined) throw damagedKey(file, 'it is not a keystore of version 3');
    return {name, address, file};
  }

  /** Throws `WALLET_PASSWORD`, and as `show`. */
  async unlock(name: string, password: string): Promise<Signer> {
    const {file, address} = await this.show(name);
    const signer = keySigner(await decryptSecret(await this.#read(name), password, file));
    if (signer.address !== address) throw damagedKey(file, `it says ${address} and holds the key of another account`);
    return signer;
  }

  /** Throws `WALLET_EXISTS`, `WALLET_NAME`: before somebody types a password in vain. */
  async refuseExisting(name: string): Promise<void> {
    const file = this.#file(name);
    if ((await readKeyFile(file)) !== undefined) throw walletExists(name, file);
  }

  /** By name; files that are no wallets are left out. Throws `IDENTITY_TOO_OPEN`, `IDENTITY_UNREADABLE`. */
  async list(): Promise<Wallet[]> {
    const files = await readdir(this.#folder).catch(() => []);
    const names = files
      .filter((file) => file.endsWith(EXTENSION))
      .map((file) => basename(file, EXTENSION))
      .filter((name) => WALLET_NAME.test(name))
      .sort()
      .slice(0, MAX_WALLETS);
    const wallets = await Promise.all(names.map((name) => this.show(name).catch(unlessNoWallet)));
    return wallets.filter((wallet) => wallet !== undefined);
  }

  async #keep(name: string, secret: Uint8Array, password: string): Promise<Wallet> {
    const file = this.#file(name);
    if (password.length < LEAST_PASSWORD_LENGTH) throw weakPassword(LEAST_PASSWORD_LENGTH);
    await this.refuseExisting(name);
    const {address} = paymentKeyFromBytes(secret);
    const created = await createPrivateFile(file, `${await encryptSecret(secret, password)}\n`);
    if (!created) throw walletExists(name, file);
    return {name, address, file};
  }

  async #read(name: string): Promise<string> {
    const bytes = await readKeyFile(this.#file(name));
    if (bytes === undefined) throw walletMissing(name);
    return Buffer.from(bytes).toString('utf8');
  }

  #file(name: string): string {
    if (!WALLET_NAME.test(name)) throw walletName(name);
    return join(this.#folder, `${name}${EXTENSION}`);
  }
}

/** A private key as wallets export it: 64 hexadecimal digits, `0x` or not; undefined for anything else. */
export function secretFromHex(text: string): Uint8Array | undefined {
  const digits = /^(?:0x)?([0-9a-fA-F]{64})$/.exec(text.trim())?.[1];
  return digits === undefined ? undefined : new Uint8Array(Buffer.from(digits, 'hex'));
}

/** What is no wallet, and links to nothing. */
const NO_WALLET: ReadonlySet<string> = new Set(['IDENTITY_DAMAGED', 'WALLET_MISSING']);

/** A wallet that can't be used as it is must not look as if it were gone. */
function unlessNoWallet(error: unknown): undefined {
  if (!(error instanceof QuiverError) || !NO_WALLET.has(error.code)) throw error;
}

async function secretFrom(content: string, password: string): Promise<Uint8Array> {
  const secret = secretFromHex(content);
  if (secret !== undefined) return secret;
  if (keystoreAddress(content) === undefined) throw notAKey();
  return decryptSecret(content, password, 'the given keystore');
}
