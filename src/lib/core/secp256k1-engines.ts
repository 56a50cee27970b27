import {createRequire} from 'node:module';

/** ECDSA on secp256k1 over 32-byte digests. Signatures are 64 bytes r‖s, public keys 64 bytes x‖y. */
export interface Secp256k1Engine {
  isSecret(secret: Uint8Array): boolean;
  publicKey(secret: Uint8Array): Uint8Array;
  /** Deterministic (RFC 6979), s in the lower half. */
  sign(digest: Uint8Array, secret: Uint8Array): {signature: Uint8Array; recovery: number};
  /** Throws when no point fits. */
  recover(digest: Uint8Array, signature: Uint8Array, recovery: number): Uint8Array;
}

/**
 * libsecp256k1 through its Node binding, undefined where no build of it loads.
 * The package's main entry would silently take a pure JavaScript library instead, several times slower.
 */
export function loadNativeEngine(): Secp256k1Engine | undefined {
  let native: typeof import('secp256k1');
  try {
    native = createRequire(import.meta.url)('secp256k1/bindings.js') as typeof import('secp256k1');
  } catch {
    return undefined;
  }
  return {
    isSecret: (secret) => native.privateKeyVerify(secret),
    publicKey: (secret) => native.publicKeyCreate(secret, false).subarray(1),
    sign(digest, secret) {
      const {signature, recid} = native.ecdsaSign(digest, secret);
      return {signature, recovery: recid};
    },
    recover: (digest, signature, recovery) => native.ecdsaRecover(signature, recovery, digest, false).subarray(1),
  };
}

/** The audited JavaScript implementation, everywhere available. */
export async function loadNobleEngine(): Promise<Secp256k1Engine> {
  const {secp256k1} = await import('@noble/curves/secp256k1.js');
  return {
    isSecret: (secret) => secp256k1.utils.isValidSecretKey(secret),
    publicKey: (secret) => secp256k1.getPublicKey(secret, false).subarray(1),
    sign(digest, secret) {
      const [recovery = 0, ...signature] = secp256k1.sign(digest, secret, {prehash: false, format: 'recovered'});
      return {signature: Uint8Array.from(signature), recovery};
    },
    recover: (digest, signature, recovery) =>
      secp256k1.Signature.fromBytes(signature, 'compact')
        .addRecoveryBit(recovery)
        .recoverPublicKey(digest)
        .toBytes(false)
        .subarray(1),
  };
}
