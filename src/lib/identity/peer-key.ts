import {
  generateKeyPair,
  generateKeyPairFromSeed,
  privateKeyFromProtobuf,
  privateKeyToProtobuf,
} from '@libp2p/crypto/keys';
import type {Ed25519PrivateKey, PrivateKey} from '@libp2p/interface';

import {createPrivateFile} from '../core/private-file.ts';
import {damagedKey, readKeyFile} from './key-file.ts';

/** The first half of a raw Ed25519 private key; the second is the public key (RFC 8032 section 5.1.5). */
const SEED_BYTES = 32;

/**
 * The Ed25519 peer key kept in a file (libp2p protobuf, 0600), made on first use.
 * Processes that race for the first use end with the same key. A damaged or too open file is an error with a fix,
 * never a new identity.
 */
export async function loadOrCreatePeerKey(path: string): Promise<PrivateKey> {
  const stored = await loadPeerKey(path);
  if (stored !== undefined) return stored;
  const fresh = await generateKeyPair('Ed25519');
  if (await createPrivateFile(path, privateKeyToProtobuf(fresh))) return fresh;
  return (await loadPeerKey(path)) ?? loadOrCreatePeerKey(path);
}

/** The peer key kept in a file; undefined when there is no such file. */
export async function loadPeerKey(path: string): Promise<PrivateKey | undefined> {
  const bytes = await readKeyFile(path);
  return bytes === undefined ? undefined : decode(bytes, path);
}

async function decode(bytes: Uint8Array, path: string): Promise<Ed25519PrivateKey> {
  let key: PrivateKey;
  try {
    key = privateKeyFromProtobuf(bytes);
  } catch (error) {
    throw damagedKey(path, 'it is not a libp2p private key', error);
  }
  if (key.type !== 'Ed25519') throw damagedKey(path, `it holds a ${key.type} key; Ed25519 is needed`);
  // The file has no checksum, but it has the public key twice over: once stored, once derived.
  const derived = await generateKeyPairFromSeed('Ed25519', key.raw.subarray(0, SEED_BYTES));
  if (!derived.publicKey.equals(key.publicKey)) throw damagedKey(path, 'its two halves do not belong together');
  return key;
}
