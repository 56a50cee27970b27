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
