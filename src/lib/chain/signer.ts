import {Transaction} from 'ethers';

import {QuiverError} from '../core/errors.ts';
import {EIP_1559, type Signer, type UnsignedTransaction} from '../identity/signer.ts';

/**
 * Has a transaction signed, and checks that it is this one and the signature the account's own, whoever made it.
 * Throws SIGNER_WRONG.
 */
export async function signChecked(
  signer: Signer,
  transaction: UnsignedTransaction,
  signal: AbortSignal,
): Promise<Transaction> {
  const raw = await signer.signTransaction(transaction, signal);
  const signed = Transaction.from(raw);
  const isSame = signed.unsignedSerialized === Transaction.from({type: EIP_1559, ...transaction}).unsignedSerialized;
  if (isSame && signed.from === signer.address) return signed;
  throw new QuiverError({
    code: 'SIGNER_WRONG',
    message: isSame
      ? `The signer for ${signer.address} signed with the key of ${signed.from ?? 'nobody'}`
      : `The signer for ${signer.address} signed another transaction than it was given`,
    fix: 'Point the wallet at the signer that holds this account, or choose the other account.',
  });
}
