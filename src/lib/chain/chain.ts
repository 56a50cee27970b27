import type {NetworkProfile} from '../config/profile.ts';
import type {Abi, Arguments, EventFields, EventName, FunctionName, Output, ViewName} from './abi-types.ts';

export type BlockTag = 'latest' | 'pending' | 'safe' | 'finalized' | number;

/** Base units of POL for one gas. */
export interface Fees {
  /** What it would cost now. */
  gasPrice: bigint;
  maxFeePerGas: bigint;
  maxPriorityFeePerGas: bigint;
}

export interface Block {
  number: number;
  hash: string;
  /** Seconds since 1970. */
  timestamp: number;
}

export interface Receipt {
  hash: string;
  blockNumber: number;
  blockHash: string;
  /** False when it was mined and reverted. */
  ok: boolean;
  gasUsed: bigint;
  effectiveGasPrice: bigint;
}

export interface CallRequest {
  from?: string;
  to: string;
  data: string;
  value?: bigint;
}

/** A contract at an address, typed by its ABI. */
export interface Contract<A extends Abi> {
  readonly address: string;
  /** Asks a view function. Throws what `Chain.call` throws. */
  read<N extends ViewName<A>>(name: N, args: Arguments<A, N>): Promise<Output<A, N>>;
  /** Calldata for a step of a plan. */
  encode<N extends FunctionName<A>>(name: N, args: Arguments<A, N>): string;
  /** Events of one kind, oldest first; `indexed` filters by indexed fields in their order, null for any. */
  events<N extends EventName<A>>(name: N, options?: EventOptions): Promise<EventFields<A, N>[]>;
}

export interface EventOptions {
  fromBlock?: number;
  toBlock?: number;
  indexed?: readonly (string | bigint | number | null)[];
}

/** A connection to the chain of a profile: several RPC servers seen as one, its id already checked. */
export interface Chain {
  readonly profile: NetworkProfile;
  /** EIP-155 chain id. */
  readonly id: number;
  /** Chain id and start of the genesis hash: two local chains with one id are different chains. */
  readonly key: string;
  /** JSON-RPC with a deadline, tried at each server in turn. Throws CHAIN_UNREACHABLE, or CHAIN_REFUSED; everything below also CHAIN_ANSWER. */
  request(method: string, params: readonly unknown[]): Promise<unknown>;
  contract<A extends Abi>(abi: A, address: string): Contract<A>;
  /** `eth_call`. A revert becomes a QuiverError in plain words (code REVERTED, or what the contract's error says). */
  call(request: CallRequest, block?: BlockTag): Promise<string>;
  /** Gas of a transaction, simulated; reverts as for `call`. */
  estimateGas(request: CallRequest): Promise<bigint>;
  /** POL of an account, base units. */
  balance(address: string): Promise<bigint>;
  nonce(address: string, block: BlockTag): Promise<number>;
  code(address: string): Promise<string>;
  block(tag: BlockTag): Promise<Block>;
  /** Undefined while it is not mined, or when a reorganisation took it back. */
  receipt(hash: string): Promise<Receipt | undefined>;
  fees(): Promise<Fees>;
  /** Where people look at it; undefined where the chain has no explorer. */
  link(of: {transaction: string} | {address: string}): string | undefined;
}
