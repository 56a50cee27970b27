import {QuiverError} from '../core/errors.ts';
import {keccak256} from '../core/keccak.ts';
import {recoverAddress, type PaymentKey} from '../core/secp256k1.ts';

/** Whatever can sign for an account: a key here, or an HTTP service that keeps it. */
export interface Signer {
  /** EIP-55 address. */
  readonly address: string;
  /**
   * Signs keccak256 of `preimage` (an unsigned transaction, or 0x1901 and the EIP-712 hashes): 65 bytes r‖s‖v, v 27 or
   * 28, low s. It is given the preimage, since remote signers hash for themselves.
   */
  sign(preimage: Uint8Array, signal?: AbortSignal): Promise<Uint8Array> | Uint8Array;
}

/** A signer that holds its key. */
export function keySigner(key: PaymentKey): Signer {
  return {address: key.address, sign: (preimage) => key.sign(keccak256(preimage))};
}

/** Signs, and checks that the signature is the account's own, whoever made it. Throws SIGNER_WRONG. */
export async function signChecked(signer: Signer, preimage: Uint8Array, signal?: AbortSignal): Promise<Uint8Array> {
  const signature = await signer.sign(preimage, signal);
  const by = recoverAddress(keccak256(preimage), signature);
  if (by === signer.address) return signature;
  throw new QuiverError({
    code: 'SIGNER_WRONG',
    message: `The signer for ${signer.address} signed with the key of ${by}`,
    fix: 'Point the wallet at the signer that holds this account, or choose the other account.',
  });
}
