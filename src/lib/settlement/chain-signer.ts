import {toHex, fromHex} from '../core/bytes.ts';
import type {Signer as ChainSigner} from '../chain/signer.ts';
import type {Signer} from '../identity/signer.ts';

/**
 * A wallet's signer as the chain wants one: it hands over the bytes of an unsigned EIP-1559 transaction, and a wallet
 * that shows or checks what it signs needs its fields.
 */
export function chainSigner(signer: Signer): ChainSigner {
  return {
    address: signer.address,
    async sign(preimage, signal = new AbortController().signal) {
      const {Transaction} = await import('ethers/transaction');
      const {nonce, to, data, value, gasLimit, chainId, maxFeePerGas, maxPriorityFeePerGas} = Transaction.from(
        toHex(preimage),
      );
      const fees = {maxFeePerGas: maxFeePerGas ?? 0n, maxPriorityFeePerGas: maxPriorityFeePerGas ?? 0n};
      const fields = {chainId: Number(chainId), nonce, to, data, value, gasLimit, ...fees};
      const signature = Transaction.from(await signer.signTransaction(fields, signal)).signature?.serialized;
      return fromHex(signature ?? '0x') ?? new Uint8Array();
    },
  };
}
