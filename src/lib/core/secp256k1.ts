import {randomBytes} from 'node:crypto';

import {toHex} from './bytes.ts';
import {QuiverError} from './errors.ts';
import {keccak256} from './keccak.ts';
import {loadNativeEngine, loadNobleEngine} from './secp256k1-engines.ts';

const native = loadNativeEngine();
const engine = native ?? (await loadNobleEngine());

/** Which implementation is in use; `noble` (JavaScript, about 12 times slower) where no native build loads. */
export const secp256k1Engine: 'native' | 'noble' = native ? 'native' : 'noble';

/** r‖s‖v. */
export const SIGNATURE_BYTES = 65;

/** Half of the group's order: of the two signatures (r, s) and (r, n - s) only the one with s up to here is accepted. */
const HALF_ORDER = Uint8Array.from(
  Buffer.from('7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0', 'hex'),
);
/** Ethereum writes the recovery id 0 or 1 as 27 or 28. */
const V_BASE = 27;

/** A secp256k1 key that signs for money: bids, receipts, vouchers. */
export interface PaymentKey {
  /** EIP-55 address, `0x…`. */
  readonly address: string;
  /** Signs a 32-byte digest: 65 bytes r‖s‖v, v 27 or 28, s in the lower half, deterministic (RFC 6979). */
  sign(digest: Uint8Array): Uint8Array;
}

/** 32 random bytes that are a valid secret key. */
export function generatePaymentSecret(): Uint8Array {
  for (;;) {
    const secret = new Uint8Array(randomBytes(32));
    if (engine.isSecret(secret)) return secret;
  }
}

/** The payment key of a secret of 32 bytes. Throws `PAYMENT_KEY_INVALID`. */
export function paymentKeyFromBytes(secret: Uint8Array): PaymentKey {
  if (secret.length !== 32 || !engine.isSecret(secret)) {
    throw new QuiverError({
      code: 'PAYMENT_KEY_INVALID',
      message: 'The payment key is not a secp256k1 secret key: it must have 32 bytes and lie between 1 and n - 1.',
      fix: 'Restore the key file from a backup, or make a new identity with `quiver identity create`.',
    });
  }
  const own = Uint8Array.from(secret);
  const address = publicKeyAddress(engine.publicKey(own));
  return {
    address,
    sign(digest) {
      const {signature, recovery} = engine.sign(digest, own);
      const signed = new Uint8Array(SIGNATURE_BYTES);
      signed.set(signature);
      signed[64] = V_BASE + recovery;
      return signed;
    },
  };
}

/**
 * The EIP-55 address whose key made a signature (r‖s‖v, 65 bytes) over a 32-byte digest.
 * Throws `SIGNATURE_INVALID` for a wrong length, v other than 27 or 28, s in the upper half
 * (libsecp256k1 would recover from it, contracts refuse it), or numbers that fit no key.
 */
export function recoverAddress(digest: Uint8Array, signature: Uint8Array): string {
  return publicKeyAddress(recoverPublicKey(digest, signature));
}

function recoverPublicKey(digest: Uint8Array, signature: Uint8Array): Uint8Array {
  if (digest.length !== 32) throw signatureError(`the digest has ${digest.length} bytes instead of 32`);
  if (signature.length !== SIGNATURE_BYTES) {
    throw signatureError(`it has ${signature.length} bytes instead of ${SIGNATURE_BYTES}`);
  }
  const recovery = (signature[64] ?? 0) - V_BASE;
  if (recovery !== 0 && recovery !== 1) throw signatureError(`its last byte is ${signature[64]} instead of 27 or 28`);
  if (!isLowS(signature)) throw signatureError('its s value is in the upper half of the curve order');
  try {
    return engine.recover(digest, signature.subarray(0, 64), recovery);
  } catch (cause) {
    throw signatureError('no key fits it', cause);
  }
}

function isLowS(signature: Uint8Array): boolean {
  return Buffer.compare(signature.subarray(32, 64), HALF_ORDER) <= 0;
}

function publicKeyAddress(publicKey: Uint8Array): string {
  return addressFromBytes(keccak256(publicKey).subarray(12));
}

/** How many addresses keep their checksummed text, so that a busy verifier hashes each once. */
const CHECKSUM_CACHE_SIZE = 4_096;
const checksummed = new Map<string, string>();

/** EIP-55 text of a 20-byte address. */
export function addressFromBytes(bytes: Uint8Array): string {
  const plain = toHex(bytes);
  const known = checksummed.get(plain);
  if (known !== undefined) return known;
  const digits = plain.slice(2);
  const hash = toHex(keccak256(Buffer.from(digits, 'ascii'))).slice(2);
  let address = '0x';
  for (const [index, digit] of [...digits].entries()) {
    address += parseInt(hash[index] ?? '0', 16) >= 8 ? digit.toUpperCase() : digit;
  }
  if (checksummed.size >= CHECKSUM_CACHE_SIZE) checksummed.clear();
  checksummed.set(plain, address);
  return address;
}

/** 20 bytes of an address in lower case, upper case or with a right EIP-55 checksum; undefined for anything else. */
export function addressToBytes(address: string): Uint8Array | undefined {
  if (!/^0x[0-9a-fA-F]{40}$/.test(address)) return undefined;
  const bytes = new Uint8Array(Buffer.from(address.slice(2), 'hex'));
  const digits = address.slice(2);
  const oneCase = digits === digits.toLowerCase() || digits === digits.toUpperCase();
  return oneCase || addressFromBytes(bytes) === address ? bytes : undefined;
}

function signatureError(reason: string, cause?: unknown): QuiverError {
  return new QuiverError({
    code: 'SIGNATURE_INVALID',
    message: `The signature is not valid: ${reason}.`,
    fix: 'Ask the sender for the record again; a changed or cut record cannot be repaired.',
    cause,
  });
}
