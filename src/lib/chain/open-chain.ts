import type {NetworkProfile} from '../config/profile.ts';
import type {Logger} from '../observability/logger.ts';
import type {Abi} from './abi-types.ts';
import type {Block, BlockTag, CallRequest, Chain, Contract, Fees, Receipt} from './chain.ts';
import {refused, RpcRefusal} from './chain-errors.ts';
import {blockOf, bytesOf, countOf, quantityOf, receiptOf} from './answers.ts';
import {bindContract, quantity} from './contract.ts';
import {estimateFees} from './fees.ts';
import {explainRevert} from './reverts.ts';
import {RpcClient} from './rpc.ts';

const GET_BLOCK = 'eth_getBlockByNumber';
const GET_NONCE = 'eth_getTransactionCount';
const GET_RECEIPT = 'eth_getTransactionReceipt';

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
 * Errors: CHAIN_UNREACHABLE, CHAIN_WRONG_ID, CHAIN_NO_SERVER, CHAIN_REFUSED, CHAIN_ANSWER.
 */
export async function openChain(profile: NetworkProfile, options: OpenChainOptions = {}): Promise<Chain> {
  const {id, name, rpcUrls} = profile.chain;
  const rpc = new RpcClient({...options, urls: options.rpcUrls ?? rpcUrls, chainId: id, chainName: name});
  const answer = await rpc.request(GET_BLOCK, ['0x0', false]).catch((error: unknown) => {
    throw error instanceof RpcRefusal ? refused(GET_BLOCK, error) : error;
  });
  const genesis = blockOf(GET_BLOCK, answer);
  return new RpcChain(profile, rpc, `${id}:${genesis.hash.slice(0, GENESIS_DIGITS)}`);
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
    return bytesOf('eth_call', await this.request('eth_call', [rawCall(request), tagOf(block)]));
  }

  async estimateGas(request: CallRequest): Promise<bigint> {
    return quantityOf('eth_estimateGas', await this.request('eth_estimateGas', [rawCall(request)]));
  }

  async balance(address: string): Promise<bigint> {
    return quantityOf('eth_getBalance', await this.request('eth_getBalance', [address, 'latest']));
  }

  async nonce(address: string, block: BlockTag): Promise<number> {
    return countOf(GET_NONCE, await this.request(GET_NONCE, [address, tagOf(block)]));
  }

  async code(address: string): Promise<string> {
    return bytesOf('eth_getCode', await this.request('eth_getCode', [address, 'latest']));
  }

  async block(tag: BlockTag): Promise<Block> {
    const answer = await this.request(GET_BLOCK, [tagOf(tag), false]);
    if (answer === null) throw refused(GET_BLOCK, new RpcRefusal(0, `there is no block ${tag}`));
    return blockOf(GET_BLOCK, answer);
  }

  async receipt(hash: string): Promise<Receipt | undefined> {
    const answer = await this.request(GET_RECEIPT, [hash]);
    return answer === null ? undefined : receiptOf(GET_RECEIPT, answer, hash);
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
