import type {NetworkProfile} from '../config/profile.ts';
import type {Logger} from '../observability/logger.ts';
import type {Abi} from './abi-types.ts';
import type {Block, BlockTag, CallRequest, Chain, Contract, Fees, Receipt} from './chain.ts';
import {refused, RpcRefusal} from './chain-errors.ts';
import {bindContract, quantity, readLog, type RawLog} from './contract.ts';
import {estimateFees} from './fees.ts';
import {explainRevert} from './reverts.ts';
import {RpcClient} from './rpc.ts';

/** Enough of the genesis hash to tell two chains apart. */
const GENESIS_DIGITS = 18;

export interface OpenChainOptions {
  /** Ends everything that is asked through this connection. */
  signal?: AbortSignal | undefined;
  log?: Logger | undefined;
  /** Instead of those of the profile. */
  rpcUrls?: readonly string[] | undefined;
  /** For each answer. @default 8_000 */
  deadlineMs?: number | undefined;
}

/**
 * Connects to the chain of a profile and makes sure that it is that chain.
 * Errors: CHAIN_UNREACHABLE, CHAIN_WRONG_ID, CHAIN_NO_SERVER.
 */
export async function openChain(profile: NetworkProfile, options: OpenChainOptions = {}): Promise<Chain> {
  const {id, name, rpcUrls} = profile.chain;
  const rpc = new RpcClient({...options, urls: options.rpcUrls ?? rpcUrls, chainId: id, chainName: name});
  const genesis = (await rpc.request('eth_getBlockByNumber', ['0x0', false])) as RawBlock | null;
  return new RpcChain(profile, rpc, `${id}:${genesis?.hash.slice(0, GENESIS_DIGITS) ?? ''}`);
}

interface RawBlock {
  number: string;
  hash: string;
  timestamp: string;
}

interface RawReceipt {
  transactionHash: string;
  blockNumber: string;
  blockHash: string;
  status: string;
  gasUsed: string;
  effectiveGasPrice: string;
  logs: RawLog[];
}

class RpcChain implements Chain {
  readonly profile: NetworkProfile;
  readonly key: string;
  readonly #rpc: RpcClient;

  constructor(profile: NetworkProfile, rpc: RpcClient, key: string) {
    this.profile = profile;
    this.#rpc = rpc;
    this.key = key;
  }

  get id(): number {
    return this.profile.chain.id;
  }

  async request(method: string, params: readonly unknown[]): Promise<unknown> {
    try {
      return await this.#rpc.request(method, params);
    } catch (error) {
      if (!(error instanceof RpcRefusal)) throw error;
      throw explainRevert(error) ?? refused(method, error);
    }
  }

  contract<A extends Abi>(abi: A, address: string): Contract<A> {
    return bindContract(this, abi, address);
  }

  async call(request: CallRequest, block: BlockTag = 'latest'): Promise<string> {
    return (await this.request('eth_call', [rawCall(request), tagOf(block)])) as string;
  }

  async estimateGas(request: CallRequest): Promise<bigint> {
    return BigInt((await this.request('eth_estimateGas', [rawCall(request)])) as string);
  }

  async balance(address: string): Promise<bigint> {
    return BigInt((await this.request('eth_getBalance', [address, 'latest'])) as string);
  }

  async nonce(address: string, block: 'latest' | 'pending'): Promise<number> {
    return Number(await this.request('eth_getTransactionCount', [address, block]));
  }

  async code(address: string): Promise<string> {
    return (await this.request('eth_getCode', [address, 'latest'])) as string;
  }

  async block(tag: BlockTag): Promise<Block> {
    const raw = (await this.request('eth_getBlockByNumber', [tagOf(tag), false])) as RawBlock | null;
    if (raw === null) throw refused('eth_getBlockByNumber', new RpcRefusal(0, `there is no block ${tag}`));
    return {number: Number(raw.number), hash: raw.hash, timestamp: Number(raw.timestamp)};
  }

  async receipt(hash: string): Promise<Receipt | undefined> {
    const raw = (await this.request('eth_getTransactionReceipt', [hash])) as RawReceipt | null;
    if (raw === null) return undefined;
    return {
      hash: raw.transactionHash,
      blockNumber: Number(raw.blockNumber),
      blockHash: raw.blockHash,
      ok: raw.status === '0x1',
      gasUsed: BigInt(raw.gasUsed),
      effectiveGasPrice: BigInt(raw.effectiveGasPrice),
      logs: raw.logs.map(readLog),
    };
  }

  fees(): Promise<Fees> {
    return estimateFees(this);
  }

  link(of: {transaction: string} | {address: string}): string | undefined {
    const {explorer} = this.profile.chain;
    if (explorer === undefined) return undefined;
    return 'transaction' in of ? `${explorer}/tx/${of.transaction}` : `${explorer}/address/${of.address}`;
  }
}

function tagOf(block: BlockTag): string {
  return typeof block === 'number' ? quantity(block) : block;
}

function rawCall({from, to, data, value}: CallRequest): object {
  return {to, data, ...(from !== undefined && {from}), ...(value !== undefined && {value: quantity(value)})};
}
