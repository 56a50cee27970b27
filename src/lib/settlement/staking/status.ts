import {chainTime, type MoneyContracts} from '../contracts.ts';
import {readTiers, tierFor, tierName, type Tier, type TierName} from './tiers.ts';

/** Amounts in base units, times in seconds since 1970. */
export interface StakeStatus {
  address: string;
  tier: TierName;
  isProvider: boolean;
  staked: bigint;
  unbonding: bigint;
  /** When what unbonds can be withdrawn; 0 when nothing does. */
  withdrawableAt: bigint;
  /** Whether an open report holds it beyond the end of unbonding. */
  onHold: boolean;
  pendingRewards: bigint;
  /** What a day earns at the present rate and weights. */
  rewardsPerDay: bigint;
  autoCompound: boolean;
  openReports: bigint;
  /** How much more reaches the next tier; undefined at the highest. */
  next: {tier: TierName; missing: bigint} | undefined;
  tiers: Tier[];
  now: bigint;
}

const DAY_S = 86_400n;

export async function stakeStatus(money: MoneyContracts, address: string): Promise<StakeStatus> {
  const {staking} = money;
  const [info, pool, tiers, now] = await Promise.all([
    staking.read('accountInfo', [address]),
    staking.read('poolInfo', []),
    readTiers(money),
    chainTime(money),
  ]);
  const {staked, unbonding, withdrawableAt, pendingRewards, isProvider, autoCompound, openReports} = info;
  const next = tiers.find(({minimumStake}) => staked < minimumStake);
  return {
    address,
    tier: tierName(info.tier),
    isProvider,
    staked,
    unbonding,
    withdrawableAt,
    onHold: unbonding > 0n && withdrawableAt > info.unlockAt,
    pendingRewards,
    rewardsPerDay: pool.totalWeight === 0n ? 0n : (pool.ratePerSecond * DAY_S * info.weight) / pool.totalWeight,
    autoCompound,
    openReports,
    next: next === undefined ? undefined : {tier: next.name, missing: next.minimumStake - staked},
    tiers,
    now,
  };
}

/** The tier that staking this much more would reach. */
export function tierAfter({tiers, staked}: StakeStatus, amount: bigint): TierName {
  return tierFor(tiers, staked + amount)?.name ?? 'none';
}
