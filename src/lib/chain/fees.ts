import {badAnswer, fieldsOf, listOf, quantityOf} from './answers.ts';
import type {Chain, Fees} from './chain.ts';

const GWEI = 1_000_000_000n;

/** Polygon's validators take nothing below it (docs.polygon.technology, gas), on mainnet and on Amoy. */
const FLOORS: ReadonlyMap<number, bigint> = new Map([
  [137, 25n * GWEI],
  [80_002, 25n * GWEI],
]);

const FEE_HISTORY = 'eth_feeHistory';
/** Enough to see what is paid at the moment. */
const HISTORY_BLOCKS = 5;
const MEDIAN = 50;
/**
 * A tip is what we lose to a server that lies about what others pay; the base fee isn't, since the chain itself takes
 * only what it is. Polygon's usual tip is 30 gwei, and at 500 a stake costs a tenth of a POL.
 */
const MAX_TIP = 500n * GWEI;
/** The base fee can at most double within six full blocks. */
const BASE_FEE_ROOM = 2n;
/** Nodes take a replacement that pays at least a tenth more; an eighth leaves room for rounding. */
const BUMP_NUMERATOR = 9n;
const BUMP_DENOMINATOR = 8n;

/** What a transaction has to offer to be mined soon (EIP-1559), never below the chain's floor. */
export async function estimateFees(chain: Pick<Chain, 'id' | 'request'>): Promise<Fees> {
  const {base, usual} = readHistory(
    await chain.request(FEE_HISTORY, [`0x${HISTORY_BLOCKS.toString(16)}`, 'latest', [MEDIAN]]),
  );
  const floor = FLOORS.get(chain.id) ?? 0n;
  const asked = usual > floor ? usual : floor;
  const maxPriorityFeePerGas = asked < MAX_TIP ? asked : MAX_TIP;
  return {
    gasPrice: base + maxPriorityFeePerGas,
    maxFeePerGas: base * BASE_FEE_ROOM + maxPriorityFeePerGas,
    maxPriorityFeePerGas,
  };
}

/** The base fee of the next block, and the median of the tips. */
function readHistory(answer: unknown): {base: bigint; usual: bigint} {
  const history = fieldsOf(FEE_HISTORY, answer);
  const [base, ...earlier] = listOf(FEE_HISTORY, history.get('baseFeePerGas')).toReversed();
  // Some servers leave the tips out while blocks are empty.
  const rewards = listOf(FEE_HISTORY, history.get('reward') ?? []);
  if (earlier.length > HISTORY_BLOCKS || rewards.length > HISTORY_BLOCKS) throw badAnswer(FEE_HISTORY);
  const tips = rewards
    .flatMap((ofBlock) => listOf(FEE_HISTORY, ofBlock).slice(0, 1))
    .map((tip) => quantityOf(FEE_HISTORY, tip))
    .toSorted((a, b) => (a < b ? -1 : 1));
  return {base: quantityOf(FEE_HISTORY, base), usual: tips[Math.floor(tips.length / 2)] ?? 0n};
}

/** The fees of a replacement: above the ones before by what nodes ask for, and not below what is usual now. */
export function bumpFees(before: Fees, now: Fees): Fees {
  const higher = (fee: bigint, usual: bigint): bigint => {
    const bumped = (fee * BUMP_NUMERATOR) / BUMP_DENOMINATOR + 1n;
    return bumped > usual ? bumped : usual;
  };
  return {
    gasPrice: higher(before.gasPrice, now.gasPrice),
    maxFeePerGas: higher(before.maxFeePerGas, now.maxFeePerGas),
    maxPriorityFeePerGas: higher(before.maxPriorityFeePerGas, now.maxPriorityFeePerGas),
  };
}

/** The same fees, and for a unit of gas no more than `most`. */
export function limitFees({gasPrice, maxFeePerGas, maxPriorityFeePerGas}: Fees, most: bigint): Fees {
  const limited = (fee: bigint): bigint => (fee < most ? fee : most);
  return {
    gasPrice: limited(gasPrice),
    maxFeePerGas: limited(maxFeePerGas),
    maxPriorityFeePerGas: limited(maxPriorityFeePerGas),
  };
}
