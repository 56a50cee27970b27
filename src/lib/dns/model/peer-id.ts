import {base58btc} from 'multiformats/bases/base58';

/** Multihash codes and lengths that a peer id of libp2p/specs peer-ids can have. */
const IDENTITY = 0x00;
const SHA2_256 = 0x12;
const SHA2_256_BYTES = 32;
/** The protobuf of an Ed25519 or secp256k1 key, which fits into the id itself. */
const MAX_KEY_BYTES = 42;

/** Whether the text is a peer id in base58; looks at its bytes, since one wrong character still reads as base58. */
export function isPeerId(text: string): boolean {
  if (text.length > 64) return false;
  let bytes: Uint8Array;
  try {
    bytes = base58btc.baseDecode(text);
  } catch {
    return false;
  }
  const [code, length = 0] = bytes;
  if (length !== bytes.length - 2) return false;
  if (code === SHA2_256) return length === SHA2_256_BYTES;
  // A PublicKey message: its type (field 1), then its data (field 2) with its length.
  const isKey = bytes[2] === 0x08 && bytes[4] === 0x12 && bytes[5] === length - 4;
  return code === IDENTITY && length <= MAX_KEY_BYTES && isKey;
}
