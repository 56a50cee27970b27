import type {TransactionStep} from '../../chain/plan.ts';
import {amountToText} from '../../core/units.ts';
import type {Draft, MoneyContracts} from '../contracts.ts';
import {notNow} from '../errors.ts';

const NOTHING_YET = 'Rewards come with time; see what a day brings: quiver rewards show';

/** Pays rewards out. Throws `NO_REWARDS`. */
export async function claimPlan({staking}: MoneyContracts, from: string): Promise<Draft> {
  const pending = await staking.read('pendingRewards', [from]);
  if (pending === 0n) throw notNow('NO_REWARDS', 'There are no rewards to claim', NOTHING_YET);
  const what = `Claim ${amountToText(pending)} QUIV of rewards`;
  const step = {what, to: staking.address, data: staking.encode('claimRewards', [])};
  return {title: what, steps: [step]};
}

export interface CompoundRequest {
  from: string;
  /** Switches compounding by keepers on or off; undefined leaves it. */
  auto?: boolean | undefined;
  /** Stake rewards only from this much on, base units. @default 0n */
  min?: bigint | undefined;
}

/** Stakes rewards, or lets others do it for a fee. Undefined when there is nothing to do. Throws `NO_REWARDS`. */
export async function compoundPlan(
  {staking}: MoneyContracts,
  {from, auto, min = 0n}: CompoundRequest,
): Promise<Draft | undefined> {
  const {pendingRewards, autoCompound} = await staking.read('accountInfo', [from]);
  const steps: TransactionStep[] = [];
  if (auto !== undefined && auto !== autoCompound) {
    const what = auto ? 'Let keepers compound rewards once a day, for 1 % of them' : 'Stop compounding by keepers';
    steps.push({what, to: staking.address, data: staking.encode('setAutoCompound', [auto])});
  }
  const due = auto !== false && pendingRewards > 0n && pendingRewards >= min;
  if (due) {
    const what = `Stake ${amountToText(pendingRewards)} QUIV of rewards`;
    steps.push({what, to: staking.address, data: staking.encode('compoundFor', [from])});
  }
  const title = steps.map(({what}) => what).join('; ');
  if (steps.length > 0) return {title, steps};
  if (auto === undefined && min === 0n) throw notNow('NO_REWARDS', 'There are no rewards to compound', NOTHING_YET);
  return undefined;
}
