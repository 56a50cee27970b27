import type {Abi, EventFields, EventName} from '../chain/abi-types.ts';
import type {Chain, Contract, EventOptions} from '../chain/chain.ts';
import {QuiverError} from '../core/errors.ts';

/** Public servers take this many blocks at least. */
const LEAST_RANGE_BLOCKS = 500;

/**
 * Events from a block on until now, oldest first. Servers refuse ranges that they find too long, each by a limit of its
 * own: a refused range is asked for in halves.
 */
export async function allEvents<A extends Abi, N extends EventName<A>>(
  chain: Chain,
  contract: Contract<A>,
  name: N,
  {fromBlock, indexed}: {fromBlock: number; indexed: NonNullable<EventOptions['indexed']>},
): Promise<EventFields<A, N>[]> {
  const between = async (from: number, to: number): Promise<EventFields<A, N>[]> => {
    try {
      return await contract.events(name, {fromBlock: from, toBlock: to, indexed});
    } catch (error) {
      const tooLong = error instanceof QuiverError && error.code === 'CHAIN_REFUSED';
      if (!tooLong || to - from < LEAST_RANGE_BLOCKS) throw error;
      const middle = Math.floor((from + to) / 2);
      return [...(await between(from, middle)), ...(await between(middle + 1, to))];
    }
  };
  const {number: latest} = await chain.block('latest');
  return between(Math.min(fromBlock, latest), latest);
}
