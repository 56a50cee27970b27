import {scrypt as nodeScrypt} from 'node:crypto';

import {fromHex, toHex} from '../core/bytes.ts';
import {addressFromBytes, paymentKeyFromBytes} from '../core/secp256k1.ts';
import {damagedKey} from './key-file.ts';
import {wrongPassword} from './wallet-errors.ts';

/** What a keystore may make us spend on one password: 256 MiB is geth's standard (n = 2^18, r = 8), twice that is room. */
const MAX_SCRYPT_BYTES = 2 ** 29;
/** Rounds of PBKDF2, the other derivation that keystores use; geth and clef write 2^18. */
const MAX_PBKDF2_ROUNDS = 2 ** 22;

/** The format's own names (Web3 Secret Storage, version 3). */
interface KeystoreFile {
  address: string;
  version: 3;
  crypto: KeystoreCrypto;
}
interface KeystoreCrypto {
  kdf?: unknown;
  kdfparams?: {n?: unknown; r?: unknown; p?: unknown; c?: unknown};
}

/** A secret of 32 bytes as a Web3 Secret Storage file, version 3: scrypt (n = 2^17, r = 8), AES-128-CTR. */
export async function encryptSecret(secret: Uint8Array, password: string): Promise<string> {
  const {encryptKeystoreJson} = await walletTools();
  const account = {address: paymentKeyFromBytes(secret).address, privateKey: toHex(secret)};
  return encryptKeystoreJson(account, password, {});
}

/**
 * The secret in a keystore file. Throws `WALLET_PASSWORD`, or `IDENTITY_DAMAGED` for a file that is none or asks for
 * more work than any wallet does.
 */
export async function decryptSecret(json: string, password: string, path: string): Promise<Uint8Array> {
  const file = parseKeystore(json);
  if (file === undefined) throw damagedKey(path, 'it is not a keystore of version 3');
  const {decryptKeystoreJson} = await walletTools();
  let privateKey: string;
  try {
    ({privateKey} = await decryptKeystoreJson(JSON.stringify(file), password));
  } catch (error) {
    if (error instanceof Error && error.message.startsWith('incorrect password')) throw wrongPassword(path, undefined);
    // Without its cause: ethers puts what it was given into its errors.
    throw damagedKey(path, 'its content cannot be decrypted');
  }
  const secret = fromHex(privateKey, 32);
  if (secret === undefined) throw damagedKey(path, 'it holds no key of 32 bytes');
  return secret;
}

/** Whose key a keystore file holds, EIP-55, read without the password; undefined for anything that is no such file. */
export function keystoreAddress(json: string): string | undefined {
  const bytes = fromHex(`0x${(parseKeystore(json)?.address ?? '').replace(/^0x/i, '')}`, 20);
  return bytes === undefined ? undefined : addressFromBytes(bytes);
}

/**
 * Some programs write `Crypto`, and ethers takes the first name that fits in any case. So all names are brought to
 * lower case before anything is looked at, and a file that has one twice is none: what is checked is what is used.
 */
function parseKeystore(json: string): KeystoreFile | undefined {
  let file: unknown;
  try {
    file = lowerNames(JSON.parse(json));
  } catch {
    return undefined;
  }
  if (typeof file !== 'object' || file === null) return undefined;
  const {version, address, crypto} = file as Partial<Record<keyof KeystoreFile, unknown>>;
  if (version !== 3 || typeof address !== 'string' || typeof crypto !== 'object' || crypto === null) return undefined;
  return isBounded(crypto) ? {version, address, crypto} : undefined;
}

function lowerNames(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const fields = Object.entries(value).map(([name, field]) => [name.toLowerCase(), lowerNames(field)] as const);
  if (new Set(fields.map(([name]) => name)).size < fields.length) throw new TypeError('a name is there twice');
  return Object.fromEntries(fields);
}

function isBounded({kdf, kdfparams}: KeystoreCrypto): boolean {
  const [n, r, p, c] = [kdfparams?.n, kdfparams?.r, kdfparams?.p, kdfparams?.c].map((value) =>
    Number.isSafeInteger(value) && Number(value) > 0 ? Number(value) : 0,
  ) as [number, number, number, number];
  if (kdf === 'pbkdf2') return c > 0 && c <= MAX_PBKDF2_ROUNDS;
  return kdf === 'scrypt' && n > 1 && r > 0 && p > 0 && 128 * n * r * p <= MAX_SCRYPT_BYTES;
}

type WalletTools = Pick<typeof import('ethers/wallet'), 'encryptKeystoreJson' | 'decryptKeystoreJson'>;
let tools: Promise<WalletTools> | undefined;

/** ethers with OpenSSL's scrypt in place of its own in JavaScript, which takes about five times as long. */
function walletTools(): Promise<WalletTools> {
  tools ??= Promise.all([import('ethers/wallet'), import('ethers/crypto')]).then(([wallet, {scrypt}]) => {
    scrypt.register(async (password, salt, n, r, p, length) => toHex(await derive(password, salt, {n, r, p, length})));
    return wallet;
  });
  return tools;
}

async function derive(
  password: Uint8Array,
  salt: Uint8Array,
  {n, r, p, length}: {n: number; r: number; p: number; length: number},
): Promise<Uint8Array> {
  // OpenSSL holds to the bound of RFC 7914, section 2; what web3.py writes by itself (n = 2^18, r = 1) is beyond it.
  if (n >= 2 ** (16 * r)) {
    const {scryptAsync} = await import('@noble/hashes/scrypt.js');
    return scryptAsync(password, salt, {N: n, r, p, dkLen: length});
  }
  const {promise, resolve, reject} = Promise.withResolvers<Uint8Array>();
  // Twice what is needed: OpenSSL counts its own overhead into the limit.
  nodeScrypt(password, salt, length, {N: n, r, p, maxmem: 2 * MAX_SCRYPT_BYTES}, (error, key) => {
    if (error === null) resolve(key);
    else reject(error);
  });
  return promise;
}
