import type {MoneyContracts} from '../contracts.ts';

export const TIER_NAMES = ['none', 'Bronze', 'Silver', 'Gold', 'Platinum'] as const;
export type TierName = (typeof TIER_NAMES)[number];

export interface Tier {
  name: TierName;
  /** Base units. */
  minimumStake: bigint;
  /** How much a stake counts for rewards; 10,000 is once. */
  weightBps: bigint;
}

/** The tiers of a network, lowest first. */
export async function readTiers({staking}: MoneyContracts): Promise<Tier[]> {
  const tiers = await staking.read('tiers', []);
  return tiers.map(({minimumStake, weightBps}, index) => ({name: tierName(index + 1), minimumStake, weightBps}));
}

export function tierName(tier: number | bigint): TierName {
  return TIER_NAMES[Number(tier)] ?? 'none';
}

/** The tier that a stake reaches; undefined below the lowest. */
export function tierFor(tiers: readonly Tier[], staked: bigint): Tier | undefined {
  return tiers.findLast(({minimumStake}) => staked >= minimumStake);
}

/** Reads a stranger's tier at most so often: a tier changes rarely, and each look costs a request. */
const KEEP_MS = 5 * 60_000;
/** Strangers decide which accounts are looked up. */
const MAX_ACCOUNTS = 10_000;

interface Known {
  tier: TierName;
  readAtMs: number;
  block: number;
}

export interface TierManagerOptions {
  /** Milliseconds; for tests. @default performance.now */
  now?: () => number;
}

/**
 * Tiers of accounts, kept for five minutes. After a write of ours an account is read again, and at no block before that
 * write, whichever RPC server answers.
 */
export class TierManager {
  readonly #money: MoneyContracts;
  readonly #now: () => number;
  /** By account in lower case; the oldest entry first. */
  readonly #known = new Map<string, Known>();
  readonly #writtenAt = new Map<string, number>();

  constructor(money: MoneyContracts, {now = () => performance.now()}: TierManagerOptions = {}) {
    this.#money = money;
    this.#now = now;
  }

  async tierOf(account: string): Promise<TierName> {
    const key = account.toLowerCase();
    const known = this.#known.get(key);
    const leastBlock = this.#writtenAt.get(key) ?? 0;
    if (known !== undefined && known.block >= leastBlock && this.#now() - known.readAtMs < KEEP_MS) return known.tier;
    return this.#read(key, leastBlock);
  }

  /** Says that a transaction of ours changed this account's stake in this block. */
  wrote(account: string, block: number): void {
    const key = account.toLowerCase();
    remember(this.#writtenAt, key, Math.max(block, this.#writtenAt.get(key) ?? 0));
  }

  async #read(key: string, leastBlock: number): Promise<TierName> {
    const {chain, staking} = this.#money;
    const readAtMs = this.#now();
    // A server that lags behind is asked for the block of the write and fails, instead of telling the tier before it.
    const block = Math.max((await chain.block('latest')).number, leastBlock);
    const tier = tierName(await staking.read('tierOf', [key], {block}));
    remember(this.#known, key, {tier, readAtMs, block});
    return tier;
  }
}

function remember<Value>(map: Map<string, Value>, key: string, value: Value): void {
  map.delete(key);
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > MAX_ACCOUNTS && oldest !== undefined) map.delete(oldest);
}
