import type {TypedDataDomain} from 'ethers';

import {fromHex} from '../core/bytes.ts';
import {addressToBytes, addressFromBytes, recoverAddress} from '../core/secp256k1.ts';
import {toJson} from '../core/json.ts';
import {readAll} from '../core/read-all.ts';
import {remoteSignerAnswer, remoteSignerAccount, remoteSignerDown} from './remote-signer-errors.ts';
import {EIP_1559, mutable, type Signer, type TypedDataTypes, type UnsignedTransaction} from './signer.ts';

/** A hardware module or a person's approval takes seconds, not minutes. */
const DEADLINE_MS = 30_000;
/** A signed transaction of ours has a few kB; a contract's deployment at most 100 kB in hex. */
const MAX_ANSWER_BYTES = 1_048_576;

export interface RemoteSignerOptions {
  /** http(s) URL of a Web3Signer in eth1 mode, or of anything that speaks the same JSON-RPC. */
  url: string;
  /** @default the only account that it has */
  address?: string;
  /** @default 30 s */
  deadlineMs?: number;
}

/**
 * A signer behind HTTP, as Web3Signer's JSON-RPC in eth1 mode has it (docs.web3signer.consensys.io, "JSON-RPC API"):
 * `eth_accounts`, `eth_signTransaction`, `eth_signTypedData`. What it signed is compared with what was asked, since a
 * proxy that fills in fields of its own would break the journal, and a broken one would lose money.
 * Throws `REMOTE_SIGNER_DOWN`, `REMOTE_SIGNER_ACCOUNT`, `REMOTE_SIGNER_ANSWER`.
 */
export async function remoteSigner(options: RemoteSignerOptions, signal: AbortSignal): Promise<Signer> {
  const call = (method: string, params: readonly unknown[], abort: AbortSignal): Promise<unknown> =>
    request(options, method, params, abort);
  const address = chooseAccount(options, await call('eth_accounts', [], signal));
  return {
    address,
    async signTransaction(transaction, abort) {
      const raw = await call('eth_signTransaction', [transactionParameters(transaction, address)], abort);
      return checkTransaction(options.url, transaction, address, raw);
    },
    async signTypedData(domain, types, value, abort) {
      const data = await typedDataJson(domain, types, value);
      // The second parameter is JSON in a string.
      const signature = await call('eth_signTypedData', [address, data], abort);
      const {TypedDataEncoder} = await import('ethers/hash');
      const digest = fromHex(TypedDataEncoder.hash(domain, mutable(types), {...value}), 32);
      const bytes = typeof signature === 'string' ? fromHex(signature, 65) : undefined;
      if (digest === undefined || bytes === undefined || signerOf(digest, bytes) !== address) {
        throw remoteSignerAnswer(options.url, 'its signature of typed data (EIP-712) is not that of the account');
      }
      return String(signature);
    },
  };
}

function chooseAccount({url, address}: RemoteSignerOptions, answer: unknown): string {
  const accounts = (Array.isArray(answer) ? answer : [])
    .map((item: unknown) => (typeof item === 'string' ? addressToBytes(item.toLowerCase()) : undefined))
    .filter((bytes) => bytes !== undefined)
    .map(addressFromBytes);
  const [only, second] = accounts;
  if (address === undefined) {
    if (only === undefined || second !== undefined) throw remoteSignerAccount(url, accounts);
    return only;
  }
  const wanted = accounts.find((account) => account.toLowerCase() === address.toLowerCase());
  if (wanted === undefined) throw remoteSignerAccount(url, accounts, address);
  return wanted;
}

const quantity = (value: number | bigint): string => `0x${BigInt(value).toString(16)}`;

function transactionParameters(transaction: UnsignedTransaction, from: string): Record<string, string> {
  const {to, data, value, gasLimit, nonce, chainId, maxFeePerGas, maxPriorityFeePerGas} = transaction;
  return {
    from,
    ...(to === null ? {} : {to}),
    data,
    value: quantity(value),
    gas: quantity(gasLimit),
    nonce: quantity(nonce),
    chainId: quantity(chainId),
    maxFeePerGas: quantity(maxFeePerGas),
    maxPriorityFeePerGas: quantity(maxPriorityFeePerGas),
  };
}

async function checkTransaction(
  url: string,
  wanted: UnsignedTransaction,
  address: string,
  answer: unknown,
): Promise<string> {
  const {Transaction} = await import('ethers/transaction');
  try {
    const signed = Transaction.from(String(answer));
    const same = signed.unsignedSerialized === Transaction.from({type: EIP_1559, ...wanted}).unsignedSerialized;
    if (same && signed.from?.toLowerCase() === address.toLowerCase()) return signed.serialized;
  } catch (error) {
    throw remoteSignerAnswer(url, 'its answer is not a signed transaction', error);
  }
  throw remoteSignerAnswer(url, 'it signed another transaction than it was given');
}

async function typedDataJson(
  domain: TypedDataDomain,
  types: TypedDataTypes,
  value: Readonly<Record<string, unknown>>,
): Promise<string> {
  const {TypedDataEncoder} = await import('ethers/hash');
  return toJson(TypedDataEncoder.getPayload(domain, mutable(types), {...value}));
}

function signerOf(digest: Uint8Array, signature: Uint8Array): string | undefined {
  try {
    return recoverAddress(digest, signature);
  } catch {
    return undefined;
  }
}

async function request(
  {url, deadlineMs = DEADLINE_MS}: RemoteSignerOptions,
  method: string,
  params: readonly unknown[],
  signal: AbortSignal,
): Promise<unknown> {
  const body = toJson({jsonrpc: '2.0', id: 1, method, params});
  let answer: unknown;
  try {
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(deadlineMs)]);
    const headers = {'content-type': 'application/json'};
    // A redirect could lead to a host that nobody named.
    const response = await fetch(url, {method: 'POST', headers, body, redirect: 'error', signal: deadline});
    answer = JSON.parse((await readAll(response.body, MAX_ANSWER_BYTES)).toString());
  } catch (error) {
    signal.throwIfAborted();
    throw remoteSignerDown(url, method, error);
  }
  const fields = new Map(Object.entries(typeof answer === 'object' && answer !== null ? answer : {}));
  if (fields.get('error') !== undefined && fields.get('error') !== null) {
    throw remoteSignerAnswer(url, `it refused ${method}: ${errorMessage(fields.get('error'))}`);
  }
  if (!fields.has('result')) throw remoteSignerAnswer(url, `its answer to ${method} has no result`);
  return fields.get('result');
}

/** Most of what the other side says of a failure is shown; a terminal gets no control characters from it. */
const MAX_MESSAGE_LENGTH = 200;

function errorMessage(error: unknown): string {
  const message =
    typeof error === 'object' && error !== null && 'message' in error ? String(error.message) : 'no reason';
  return message.replace(/\p{Cc}/gu, ' ').slice(0, MAX_MESSAGE_LENGTH);
}
