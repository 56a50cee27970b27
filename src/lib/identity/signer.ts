import type {TypedDataDomain, TypedDataField} from 'ethers';

import {fromHex, toHex} from '../core/bytes.ts';
import {paymentKeyFromBytes} from '../core/secp256k1.ts';

/** EIP-712 types by name, without `EIP712Domain`. */
export type TypedDataTypes = Readonly<Record<string, readonly TypedDataField[]>>;

/** An EIP-1559 transaction. Every field is set by who sends; a signer fills nothing in. */
export interface UnsignedTransaction {
  chainId: number;
  nonce: number;
  /** Null for the creation of a contract. */
  to: string | null;
  data: string;
  /** wei, here and below. */
  value: bigint;
  gasLimit: bigint;
  maxFeePerGas: bigint;
  maxPriorityFeePerGas: bigint;
}

/** An account that signs for money. Where its key is, only the implementation knows. */
export interface Signer {
  /** EIP-55, `0x…`. */
  readonly address: string;
  /** The raw signed transaction, `0x…`; its fields are those that were given. */
  signTransaction(transaction: UnsignedTransaction, signal: AbortSignal): Promise<string>;
  /** EIP-712 signature, `0x` and 65 bytes r‖s‖v with v 27 or 28 and s in the lower half. */
  signTypedData(
    domain: TypedDataDomain,
    types: TypedDataTypes,
    value: Readonly<Record<string, unknown>>,
    signal: AbortSignal,
  ): Promise<string>;
}

/** The transaction type of EIP-1559. */
export const EIP_1559 = 2;

/** Signs in this process, with a secret of 32 bytes. Throws `PAYMENT_KEY_INVALID`. */
export function keySigner(secret: Uint8Array): Signer {
  const key = paymentKeyFromBytes(secret);
  const sign = (digest: string): string => toHex(key.sign(fromHex(digest, 32) ?? new Uint8Array()));
  return {
    address: key.address,
    async signTransaction(fields) {
      const {Transaction} = await import('ethers/transaction');
      const transaction = Transaction.from({type: EIP_1559, ...fields});
      transaction.signature = sign(transaction.unsignedHash);
      return transaction.serialized;
    },
    async signTypedData(domain, types, value) {
      const {TypedDataEncoder} = await import('ethers/hash');
      return sign(TypedDataEncoder.hash(domain, mutable(types), {...value}));
    },
  };
}

/** ethers asks for arrays that it could change, and doesn't. */
export function mutable(types: TypedDataTypes): Record<string, TypedDataField[]> {
  return Object.fromEntries(Object.entries(types).map(([name, fields]) => [name, [...fields]]));
}
