import {base58btc} from 'multiformats/bases/base58';

import {concatBytes, toHex} from '../core/bytes.ts';

/**
 * What comes before the 32 key bytes in the binary peer id of an Ed25519 key: identity multihash of 36 bytes that holds
 * the key's protobuf (libp2p specs, peer-ids).
 */
const PEER_ID_PREFIX = Uint8Array.of(0x00, 0x24, 0x08, 0x01, 0x12, 0x20);
/** How many peer ids keep both forms, since base58 costs more than the rest of a receipt's encoding. */
const CACHE_SIZE = 4_096;

const keys = new Map<string, Uint8Array>();
const ids = new Map<string, string>();

/** The Ed25519 public key, 32 bytes, of a peer id in its `12D3KooW…` text; undefined for anything else. */
export function peerToKey(peerId: string): Uint8Array | undefined {
  const known = keys.get(peerId);
  if (known !== undefined) return known;
  if (!/^12D3KooW[1-9A-HJ-NP-Za-km-z]{44}$/.test(peerId)) return undefined;
  const bytes = base58btc.baseDecode(peerId);
  const key = bytes.slice(PEER_ID_PREFIX.length);
  if (key.length !== 32 || peerFromKey(key) !== peerId) return undefined;
  remember(keys, peerId, key);
  return key;
}

/** The peer id, as text, of an Ed25519 public key of 32 bytes. */
export function peerFromKey(key: Uint8Array): string {
  const name = toHex(key);
  const known = ids.get(name);
  if (known !== undefined) return known;
  const peerId = base58btc.baseEncode(concatBytes(PEER_ID_PREFIX, key));
  remember(ids, name, peerId);
  return peerId;
}

function remember<T>(cache: Map<string, T>, name: string, value: T): void {
  if (cache.size >= CACHE_SIZE) cache.clear();
  cache.set(name, value);
}
