import type {Chain, Contract} from '../chain/chain.ts';
import type {TransactionPlan} from '../chain/plan.ts';
import type {MoneyAddresses} from '../chain/deploy/deployments.ts';
import {quivTokenAbi} from '../chain/gen/quiv-token.ts';
import {quiverChannelsAbi} from '../chain/gen/quiver-channels.ts';
import {quiverSettlementAbi} from '../chain/gen/quiver-settlement.ts';
import {quiverStakingAbi} from '../chain/gen/quiver-staking.ts';

/** The contracts of a network on one chain. */
export interface MoneyContracts {
  chain: Chain;
  token: Contract<typeof quivTokenAbi>;
  staking: Contract<typeof quiverStakingAbi>;
  settlement: Contract<typeof quiverSettlementAbi>;
  channels: Contract<typeof quiverChannelsAbi>;
  startBlock: number;
}

export function bindMoney(chain: Chain, addresses: MoneyAddresses): MoneyContracts {
  return {
    chain,
    token: chain.contract(quivTokenAbi, addresses.token),
    staking: chain.contract(quiverStakingAbi, addresses.staking),
    settlement: chain.contract(quiverSettlementAbi, addresses.settlement),
    channels: chain.contract(quiverChannelsAbi, addresses.channels),
    startBlock: addresses.startBlock,
  };
}

/** What is to be done; whoever has it done knows for whom, and under which name it is found again. */
export type Draft = Pick<TransactionPlan, 'title' | 'steps'>;

/** The chain's own clock, seconds since 1970: what its contracts compare with, and what a local chain can be ahead by. */
export async function chainTime({chain}: MoneyContracts): Promise<bigint> {
  return BigInt((await chain.block('latest')).timestamp);
}
