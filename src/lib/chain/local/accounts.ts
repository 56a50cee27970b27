import {join} from 'node:path';

import type {Places} from '../../config/places.ts';
import {QuiverError} from '../../core/errors.ts';
import {createPrivateFile} from '../../core/private-file.ts';
import {generatePaymentSecret, paymentKeyFromBytes} from '../../core/secp256k1.ts';
import {readKeyFile} from '../../identity/key-file.ts';

/** Whom a network needs; each has POL from the first block on, and QUIV once the contracts are there. */
export const LOCAL_ACCOUNT_NAMES = ['deployer', 'staker', 'provider', 'client', 'aggregator'] as const;

export type LocalAccountName = (typeof LOCAL_ACCOUNT_NAMES)[number];

export interface LocalAccount {
  name: LocalAccountName;
  /** EIP-55. */
  address: string;
  /** 32 bytes. */
  secret: Uint8Array;
}

/** Where the local chain of a profile keeps its accounts and its blocks. */
export function localChainFolder(places: Places, profile: string): string {
  return join(places.data, 'chain', profile);
}

export function localAccountsFile(folder: string): string {
  return join(folder, 'accounts.json');
}

/** The accounts of a local chain; undefined when it was never started. Errors as for key files. */
export async function readLocalAccounts(folder: string): Promise<LocalAccount[] | undefined> {
  const path = localAccountsFile(folder);
  const bytes = await readKeyFile(path);
  return bytes === undefined ? undefined : parse(Buffer.from(bytes).toString('utf8'), path);
}

/**
 * Accounts whose keys nobody else has: made at random the first time, kept in a file for its owner alone. Well-known
 * test keys would hand whatever is ever sent to them to the first robot that looks.
 */
export async function loadOrCreateLocalAccounts(folder: string): Promise<{accounts: LocalAccount[]; created: boolean}> {
  const stored = await readLocalAccounts(folder);
  if (stored !== undefined) return {accounts: stored, created: false};
  const accounts = LOCAL_ACCOUNT_NAMES.map((name) => account(name, generatePaymentSecret()));
  const content = accounts.map(({name, address, secret}) => ({
    name,
    address,
    key: Buffer.from(secret).toString('hex'),
  }));
  const created = await createPrivateFile(localAccountsFile(folder), `${JSON.stringify(content, null, 2)}\n`);
  return created ? {accounts, created} : loadOrCreateLocalAccounts(folder);
}

function account(name: LocalAccountName, secret: Uint8Array): LocalAccount {
  return {name, address: paymentKeyFromBytes(secret).address, secret};
}

function parse(text: string, path: string): LocalAccount[] {
  try {
    const content = JSON.parse(text) as {name: LocalAccountName; key: string}[];
    const byName = new Map(content.map(({name, key}) => [name, Buffer.from(key, 'hex')]));
    return LOCAL_ACCOUNT_NAMES.map((name) => account(name, new Uint8Array(byName.get(name) ?? [])));
  } catch (cause) {
    throw new QuiverError({
      code: 'LOCAL_ACCOUNTS_DAMAGED',
      message: `The accounts of the local chain in ${path} can not be read`,
      fix: `Put your backup in its place, or start with a new chain: mv '${join(path, '..')}' '${join(path, '..')}.damaged'`,
      cause,
    });
  }
}
