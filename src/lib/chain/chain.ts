import type {Interface} from 'ethers';

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
  logs: readonly Log[];
}

export interface Log {
  address: string;
  topics: readonly string[];
  data: string;
  blockNumber: number;
  transactionHash: string;
  logIndex: number;
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
  readonly interface: Interface;
  /** Asks a view function. Throws what `Chain.call` throws. */
  read<N extends ViewName<A>>(name: N, args: Arguments<A, N>, options?: ReadOptions): Promise<Output<A, N>>;
  /** Calldata for a step of a plan. */
  encode<N extends FunctionName<A>>(name: N, args: Arguments<A, N>): string;
  /** Events of one kind, oldest first; `indexed` filters by indexed fields in their order, null for any. */
  events<N extends EventName<A>>(name: N, options?: EventOptions): Promise<ContractEvent<A, N>[]>;
  /** This contract's events among the logs of a receipt. */
  parse<N extends EventName<A>>(name: N, logs: readonly Log[]): ContractEvent<A, N>[];
}

export interface ReadOptions {
  /** The account that asks. */
  from?: string;
  /** @default 'latest' */
  block?: BlockTag;
}

export interface EventOptions {
  fromBlock?: number;
  toBlock?: number;
  indexed?: readonly (string | bigint | number | null)[];
}

export interface ContractEvent<A extends Abi, N> {
  fields: EventFields<A, N>;
  log: Log;
}

/** A connection to the chain of a profile: several RPC servers seen as one, its id already checked. */
export interface Chain {
  readonly profile: NetworkProfile;
  /** EIP-155 chain id. */
  readonly id: number;
  /** Chain id and start of the genesis hash: two local chains with one id are different chains. */
  readonly key: string;
  /** JSON-RPC with a deadline, tried at each server in turn. Throws CHAIN_UNREACHABLE, or CHAIN_REFUSED. */
  request(method: string, params: readonly unknown[]): Promise<unknown>;
  contract<A extends Abi>(abi: A, address: string): Contract<A>;
  /** `eth_call`. A revert becomes a QuiverError in plain words (code REVERTED, or what the contract's error says). */
  call(request: CallRequest, block?: BlockTag): Promise<string>;
  /** Gas of a transaction, simulated; reverts as for `call`. */
  estimateGas(request: CallRequest): Promise<bigint>;
  /** POL of an account, base units. */
  balance(address: string): Promise<bigint>;
  nonce(address: string, block: 'latest' | 'pending'): Promise<number>;
  code(address: string): Promise<string>;
  block(tag: BlockTag): Promise<Block>;
  /** Undefined while it is not mined, or when a reorganisation took it back. */
  receipt(hash: string): Promise<Receipt | undefined>;
  fees(): Promise<Fees>;
  /** Where people look at it; undefined where the chain has no explorer. */
  link(of: {transaction: string} | {address: string}): string | undefined;
}
