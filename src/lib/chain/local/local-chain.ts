import type {Provider} from '@nomicfoundation/edr';

import {QuiverError} from '../../core/errors.ts';
import {BlockJournal, type Entry, type Genesis} from './block-journal.ts';
import {askEvm, createEvm, type EvmAnswer} from './edr.ts';
import {isAllowed, NEEDS_NO_JOURNAL, READS_CLOCK} from './methods.ts';

export interface LocalChainOptions {
  chainId: number;
  /** Accounts that have POL from the start; only heeded when the chain is new. */
  accounts: readonly string[];
  /** File that keeps it; without one it lives as long as the process. */
  path?: string | undefined;
  /** Seconds since 1970. @default the clock of this machine */
  now?: (() => number) | undefined;
}

export interface Replayed {
  blocks: number;
  ms: number;
}

const METHOD_NOT_FOUND = -32_601;

/**
 * An EVM chain in this process: a block for each transaction, a clock that runs with this machine's and can be moved
 * forward, and everything that happened written down, so that after a restart replaying it gives the same blocks.
 */
export class LocalChain {
  readonly replayed: Replayed;
  readonly #evm: Provider;
  readonly #journal: BlockJournal | undefined;
  readonly #now: () => number;
  /** How far the chain's clock is ahead of ours, seconds. */
  #aheadSeconds: number;
  #latest: {number: number; timestamp: number};
  /** Why nothing more can be written down; what isn't must not happen. */
  #broken: Error | undefined;
  #queue: Promise<unknown> = Promise.resolve();

  private constructor(parts: {
    evm: Provider;
    journal: BlockJournal | undefined;
    now: () => number;
    latest: {number: number; timestamp: number};
    replayed: Replayed;
  }) {
    this.#evm = parts.evm;
    this.#journal = parts.journal;
    this.#now = parts.now;
    this.#latest = parts.latest;
    this.#aheadSeconds = Math.max(0, parts.latest.timestamp - parts.now());
    this.replayed = parts.replayed;
  }

  /** Errors: STORE_LOCKED (it runs already), LOCAL_CHAIN_DIVERGED, and those of `openDatabase`. */
  static async open(options: LocalChainOptions): Promise<LocalChain> {
    const now = options.now ?? (() => Math.floor(Date.now() / 1000));
    const journal = options.path === undefined ? undefined : new BlockJournal(options.path);
    try {
      const make = (): Genesis => ({timestamp: now(), accounts: [...options.accounts]});
      const genesis = journal?.genesis(make) ?? make();
      const evm = await createEvm(options.chainId, genesis);
      const started = performance.now();
      const latest = await replay(evm, journal, genesis);
      const replayed = {blocks: latest.number, ms: performance.now() - started};
      return new LocalChain({evm, journal, now, latest, replayed});
    } catch (error) {
      journal?.close();
      throw error;
    }
  }

  /** The block that was mined last. */
  get latest(): {number: number; timestamp: number} {
    return this.#latest;
  }

  /** Answers one JSON-RPC call; one after the other, as they came. */
  request(method: string, params: readonly unknown[]): Promise<EvmAnswer> {
    return this.#serially(async () => {
      if (!isAllowed(method) && !(this.#journal === undefined && NEEDS_NO_JOURNAL.has(method))) return unknown(method);
      if (method === 'eth_sendRawTransaction') return this.#transact(params);
      if (READS_CLOCK.has(method)) return this.#askNow(method, params);
      const answer = await askEvm(this.#evm, method, params);
      if (method === 'evm_revert') this.#latest = await latestOf(this.#evm);
      return answer;
    });
  }

  /** Moves the chain's clock forward, from its last block on, and mines a block there. */
  advance(seconds: number): Promise<{number: number; timestamp: number}> {
    return this.#serially(async () => {
      // A burst of blocks, a second apart, may have put the last one ahead of the clock: what unbonds since is due too.
      this.#aheadSeconds = Math.max(this.#aheadSeconds, this.#latest.timestamp - this.#now()) + seconds;
      return this.#mine(1, 1);
    });
  }

  /** Mines empty blocks, `interval` seconds apart. */
  mine(blocks: number, interval = 1): Promise<{number: number; timestamp: number}> {
    return this.#serially(() => this.#mine(blocks, interval));
  }

  async close(): Promise<void> {
    await this.#queue;
    this.#journal?.close();
  }

  async #transact(params: readonly unknown[]): Promise<EvmAnswer> {
    this.#checkUsable();
    const timestamp = this.#clock();
    await setNext(this.#evm, this.#latest.number + 1, timestamp);
    const answer = await askEvm(this.#evm, 'eth_sendRawTransaction', params);
    const [raw] = params;
    if (answer.error === undefined && typeof raw === 'string') {
      await this.#keep({number: this.#latest.number + 1, timestamp, raw, blocks: 1, interval: 0});
    }
    return answer;
  }

  async #mine(blocks: number, interval: number): Promise<{number: number; timestamp: number}> {
    this.#checkUsable();
    const timestamp = this.#clock();
    const entry = {number: this.#latest.number + blocks, timestamp, blocks, interval};
    await setNext(this.#evm, this.#latest.number + 1, timestamp);
    await mineEmpty(this.#evm, entry);
    await this.#keep(entry);
    this.#aheadSeconds = Math.max(this.#aheadSeconds, this.#latest.timestamp - this.#now());
    return this.#latest;
  }

  async #keep(entry: Omit<Entry, 'hash'>): Promise<void> {
    const {hash, number, timestamp} = await latestOf(this.#evm);
    this.#latest = {number, timestamp};
    try {
      this.#journal?.add({...entry, hash});
    } catch (error) {
      this.#broken = error instanceof Error ? error : new Error(String(error));
      throw error;
    }
  }

  #checkUsable(): void {
    if (this.#broken !== undefined) throw this.#broken;
  }

  /** Views see the time as it would be in the next block: on a chain without traffic the last one may be hours old. */
  async #askNow(method: string, params: readonly unknown[]): Promise<EvmAnswer> {
    const [request, block = 'latest', ...rest] = params;
    if (block !== 'latest' && block !== 'pending') return askEvm(this.#evm, method, params);
    await setNext(this.#evm, this.#latest.number + 1, this.#clock());
    return askEvm(this.#evm, method, [request, 'pending', ...rest]);
  }

  #clock(): number {
    return Math.max(this.#latest.timestamp + 1, this.#now() + this.#aheadSeconds);
  }

  async #serially<T>(work: () => Promise<T>): Promise<T> {
    const run = this.#queue.then(work, work);
    this.#queue = run.catch(() => undefined);
    return run;
  }
}

async function replay(
  evm: Provider,
  journal: BlockJournal | undefined,
  genesis: Genesis,
): Promise<{number: number; timestamp: number}> {
  let latest = {number: 0, timestamp: genesis.timestamp};
  for (const entry of journal?.entries() ?? []) {
    await setNext(evm, latest.number + 1, entry.timestamp);
    if (entry.raw === undefined) await mineEmpty(evm, entry);
    else await askEvm(evm, 'eth_sendRawTransaction', [entry.raw]);
    const {hash, number, timestamp} = await latestOf(evm);
    if (hash !== entry.hash) throw diverged(journal?.path ?? '', entry.number);
    latest = {number, timestamp};
  }
  return latest;
}

/** All that a block takes from its surroundings, so that it comes out the same when it is replayed. */
async function setNext(evm: Provider, number: number, timestamp: number): Promise<void> {
  await askEvm(evm, 'evm_setNextBlockTimestamp', [`0x${timestamp.toString(16)}`]);
  await askEvm(evm, 'hardhat_setPrevRandao', [`0x${number.toString(16).padStart(64, '0')}`]);
}

async function mineEmpty(evm: Provider, {blocks, interval}: Pick<Entry, 'blocks' | 'interval'>): Promise<void> {
  await askEvm(evm, 'hardhat_mine', [`0x${blocks.toString(16)}`, `0x${Math.max(1, interval).toString(16)}`]);
}

async function latestOf(evm: Provider): Promise<{number: number; timestamp: number; hash: string}> {
  const {result} = await askEvm(evm, 'eth_getBlockByNumber', ['latest', false]);
  const {number, timestamp, hash} = result as {number: string; timestamp: string; hash: string};
  return {number: Number(number), timestamp: Number(timestamp), hash};
}

function unknown(method: string): EvmAnswer {
  return {
    error: {code: METHOD_NOT_FOUND, message: `the local chain does not know ${JSON.stringify(method.slice(0, 64))}`},
  };
}

function diverged(path: string, block: number): QuiverError {
  return new QuiverError({
    code: 'LOCAL_CHAIN_DIVERGED',
    message: `The local chain in ${path} can not be replayed: block ${block} comes out different from what it was`,
    fix: `It was written by another version of quiver or changed. Start with a new one: mv '${path}' '${path}.old'`,
  });
}
