import type {Chain, Fees} from './chain.ts';

const GWEI = 1_000_000_000n;

/** Polygon's validators take nothing below it (docs.polygon.technology, gas), on mainnet and on Amoy. */
const FLOORS: ReadonlyMap<number, bigint> = new Map([
  [137, 25n * GWEI],
  [80_002, 25n * GWEI],
]);

/** Enough to see what is paid at the moment. */
const HISTORY_BLOCKS = 5;
const MEDIAN = 50;
/** The base fee can at most double within six full blocks. */
const BASE_FEE_ROOM = 2n;
/** Nodes take a replacement that pays at least a tenth more; an eighth leaves room for rounding. */
const BUMP_NUMERATOR = 9n;
const BUMP_DENOMINATOR = 8n;

interface FeeHistory {
  baseFeePerGas?: string[];
  reward?: string[][] | null;
}

/** What a transaction has to offer to be mined soon (EIP-1559), never below the chain's floor. */
export async function estimateFees(chain: Pick<Chain, 'id' | 'request'>): Promise<Fees> {
  const history = (await chain.request('eth_feeHistory', [
    `0x${HISTORY_BLOCKS.toString(16)}`,
    'latest',
    [MEDIAN],
  ])) as FeeHistory;
  const base = BigInt(history.baseFeePerGas?.at(-1) ?? '0x0');
  const tips = (history.reward ?? []).flatMap(([tip]) => (tip === undefined ? [] : [BigInt(tip)]));
  const usual = tips.toSorted((a, b) => (a < b ? -1 : 1))[Math.floor(tips.length / 2)] ?? 0n;
  const floor = FLOORS.get(chain.id) ?? 0n;
  const maxPriorityFeePerGas = usual > floor ? usual : floor;
  return {
    gasPrice: base + maxPriorityFeePerGas,
    maxFeePerGas: base * BASE_FEE_ROOM + maxPriorityFeePerGas,
    maxPriorityFeePerGas,
  };
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
