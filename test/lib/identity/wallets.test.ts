import {execFileSync} from 'node:child_process';
import {chmod, readFile, stat, symlink, writeFile} from 'node:fs/promises';
import {join} from 'node:path';

import {encryptKeystoreJsonSync, Wallet} from 'ethers';
import {expect, it} from 'vitest';

import {Wallets} from '../../../src/lib/identity/wallets.ts';
import {temporaryFolder} from '../../support/temporary-folder.ts';

const KEY = `0x${'0'.repeat(60)}beef`;
const {address: ADDRESS} = new Wallet(KEY);
const PASSWORD = 'correct horse battery';

it('makes a wallet that only its password opens', async () => {
  const folder = temporaryFolder();
  const wallets = new Wallets(folder);
  const made = await wallets.create('default', PASSWORD);
  expect((await stat(made.file)).mode & 0o777).toBe(0o600);
  expect(await wallets.show('default')).toEqual(made);
  expect((await wallets.unlock('default', PASSWORD)).address).toBe(made.address);
  await expect(wallets.unlock('default', `${PASSWORD}!`)).rejects.toMatchObject({code: 'WALLET_PASSWORD'});
  await expect(wallets.create('default', PASSWORD)).rejects.toMatchObject({code: 'WALLET_EXISTS'});
});

it('makes files that other wallets open', async () => {
  const {file} = await new Wallets(temporaryFolder()).import('a', `${KEY}\n`, PASSWORD);
  const text = await readFile(file, 'utf8');
  expect(text).not.toContain('beef');
  expect(Wallet.fromEncryptedJsonSync(text, PASSWORD).address).toBe(ADDRESS);
  expect(JSON.parse(text)).toMatchObject({version: 3, Crypto: {kdf: 'scrypt', kdfparams: {n: 131_072, r: 8, p: 1}}});
});

it('takes in keys with and without 0x, and keystores of other wallets', async () => {
  const wallets = new Wallets(temporaryFolder());
  expect(await wallets.import('a', KEY.slice(2).toUpperCase(), PASSWORD)).toMatchObject({address: ADDRESS});
  const json = encryptKeystoreJsonSync({address: ADDRESS, privateKey: KEY}, PASSWORD, {scrypt: {N: 4_096, r: 8, p: 6}});
  expect(await wallets.import('b', json, PASSWORD)).toMatchObject({address: ADDRESS});
  await expect(wallets.import('c', json, 'another password')).rejects.toMatchObject({code: 'WALLET_PASSWORD'});
  expect((await wallets.list()).map(({name}) => name)).toEqual(['a', 'b']);
});

it.each([
  ['a key with a digit too few', KEY.slice(0, -1)],
  ['a key with a digit that is none', `${KEY.slice(0, -1)}g`],
  ['JSON of something else', '{"address":"0x00"}'],
  ['nothing', ''],
])('refuses %s and says nothing of it', async (_what, content) => {
  const wallets = new Wallets(temporaryFolder());
  const error: Error = await wallets.import('a', content, PASSWORD).then(
    () => expect.unreachable(),
    (reason: Error) => reason,
  );
  expect(error).toMatchObject({code: 'WALLET_IMPORT'});
  expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain('bee');
  expect(await wallets.list()).toEqual([]);
});

it('takes in a keystore as web3.py makes them, the example of the format', async () => {
  const wallets = new Wallets(temporaryFolder());
  // github.com/ethereum/wiki, Web3 Secret Storage Definition, "Scrypt".
  const kdfparams = {
    dklen: 32,
    n: 262_144,
    p: 8,
    r: 1,
    salt: 'ab0c7876052600dd703518d6fc3fe8984592145b591fc8fb5c6d43190334ba19',
  };
  const crypto = {
    cipher: 'aes-128-ctr',
    cipherparams: {iv: '83dbcc02d8ccb40e466191a123791e0e'},
    ciphertext: 'd172bf743a674da9cdad04534d56926ef8358534d458fffccd4e6ad2fbde479c',
    kdf: 'scrypt',
    kdfparams,
    mac: '2103ac29920d71da29f15d75b4a16dbe95cfd7ff8faea1056c33131d846e3097',
  };
  const keystore = JSON.stringify({address: '008aeeda4d805471df9b2a5b0f38a0c3bcba786b', crypto, version: 3});
  const {address} = await wallets.import('a', keystore, 'testpassword');
  expect(address.toLowerCase()).toBe('0x008aeeda4d805471df9b2a5b0f38a0c3bcba786b');
});

it('refuses a key that is no key of the curve', async () => {
  const wallets = new Wallets(temporaryFolder());
  await expect(wallets.import('a', 'f'.repeat(64), PASSWORD)).rejects.toMatchObject({code: 'PAYMENT_KEY_INVALID'});
});

it('refuses short passwords and names that are no file names', async () => {
  const wallets = new Wallets(temporaryFolder());
  await expect(wallets.create('a', 'short')).rejects.toMatchObject({code: 'WALLET_PASSWORD_SHORT'});
  await expect(wallets.create('../a', PASSWORD)).rejects.toMatchObject({code: 'WALLET_NAME'});
  await expect(wallets.show('none')).rejects.toMatchObject({code: 'WALLET_MISSING'});
});

it('refuses a file that others can read, and one that asks for absurd work', async () => {
  const folder = temporaryFolder();
  const wallets = new Wallets(folder);
  const {file} = await wallets.create('a', PASSWORD);
  await chmod(file, 0o644);
  await expect(wallets.unlock('a', PASSWORD)).rejects.toMatchObject({code: 'IDENTITY_TOO_OPEN'});
  await chmod(file, 0o600);
  const text = await readFile(file, 'utf8');
  await writeFile(file, text.replace('131072', '1073741824'));
  await expect(wallets.unlock('a', PASSWORD)).rejects.toMatchObject({code: 'IDENTITY_DAMAGED'});
  const other = (await wallets.create('b', PASSWORD)).address.slice(2).toLowerCase();
  await writeFile(file, text.replace(/"address":"[0-9a-f]{40}"/, `"address":"${other}"`));
  await expect(wallets.unlock('a', PASSWORD)).rejects.toMatchObject({code: 'IDENTITY_DAMAGED'});
  expect(await readFile(join(folder, 'a.json'), 'utf8')).toContain(other);
});

it('sees through absurd work behind a name that is there twice', async () => {
  const folder = temporaryFolder();
  const wallets = new Wallets(folder);
  const {file} = await wallets.create('a', PASSWORD);
  const text = await readFile(file, 'utf8');
  const lie = /"kdfparams":(\{[^}]*\})/.exec(text)![1]!;
  const work = lie.replace('"p":1', '"p":1000000000');
  for (const evil of [
    text.replace('"kdfparams":', `"KDFParams":${work},"kdfparams":`),
    text.replace('"p":1', '"P":1000000000,"p":1'),
    text.replace('"Crypto":', `"crypto":{"kdf":"scrypt","kdfparams":${work}},"Crypto":`),
    text.replace('"n":131072', '"n":"131072"'),
  ]) {
    expect(evil).not.toBe(text);
    await writeFile(file, evil);
    await expect(wallets.unlock('a', PASSWORD)).rejects.toMatchObject({code: 'IDENTITY_DAMAGED'});
    await expect(wallets.import('b', evil, PASSWORD)).rejects.toMatchObject({code: 'WALLET_IMPORT'});
  }
});

it('follows links to private files alone, waits for no pipe, and hides no wallet that is too open', async () => {
  const folder = temporaryFolder();
  const wallets = new Wallets(folder);
  const {file, address} = await wallets.create('a', PASSWORD);
  await symlink(file, join(folder, 'link.json'));
  expect(await wallets.show('link')).toMatchObject({address});
  await symlink(join(folder, 'gone'), join(folder, 'lost.json'));
  execFileSync('sh', ['-c', `mkfifo -m 600 '${join(folder, 'pipe.json')}'`]);
  await expect(wallets.show('pipe')).rejects.toMatchObject({code: 'IDENTITY_DAMAGED'});
  expect((await wallets.list()).map(({name}) => name)).toEqual(['a', 'link']);
  await chmod(file, 0o640);
  await expect(wallets.show('link')).rejects.toMatchObject({code: 'IDENTITY_TOO_OPEN'});
  await expect(wallets.list()).rejects.toMatchObject({
    code: 'IDENTITY_TOO_OPEN',
    fix: expect.stringContaining('chmod'),
  });
});
