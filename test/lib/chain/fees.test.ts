import * as fc from 'fast-check';
import {describe, expect, it} from 'vitest';

import type {Fees} from '../../../src/lib/chain/chain.ts';
import {bumpFees, estimateFees} from '../../../src/lib/chain/fees.ts';
import {startChain} from '../../support/local-chain.ts';

const GWEI = 1_000_000_000n;

function chainWith(id: number, base: bigint, tips: bigint[]) {
  const hex = (value: bigint): string => `0x${value.toString(16)}`;
  const answer = {baseFeePerGas: [hex(base)], reward: tips.map((tip) => [hex(tip)])};
  return {id, request: () => Promise.resolve(answer)};
}

describe('fees', () => {
  it.each([137, 80_002])('offer at least 25 gwei on chain %i', async (id) => {
    expect(await estimateFees(chainWith(id, GWEI, [0n, GWEI]))).toEqual({
      gasPrice: 26n * GWEI,
      maxFeePerGas: 27n * GWEI,
      maxPriorityFeePerGas: 25n * GWEI,
    });
  });

  it('follow what others pay', async () => {
    const fees = await estimateFees(
      chainWith(
        137,
        100n * GWEI,
        [30n, 90n, 40n].map((tip) => tip * GWEI),
      ),
    );
    expect(fees.maxPriorityFeePerGas).toBe(40n * GWEI);
    expect(fees.maxFeePerGas).toBe(240n * GWEI);
  });

  it('have no floor elsewhere', async () => {
    const chain = await (await startChain()).connect();
    expect((await chain.fees()).maxPriorityFeePerGas).toBe(0n);
  });

  it('of a replacement are more than a tenth above, whatever they were', () => {
    const fee = fc.bigInt({min: 0n, max: 10n ** 15n});
    const all = fc.record({gasPrice: fee, maxFeePerGas: fee, maxPriorityFeePerGas: fee});
    const above = (after: Fees, before: Fees, name: keyof Fees): boolean => after[name] * 10n > before[name] * 11n;
    fc.assert(
      fc.property(all, all, (before, now) => {
        const after = bumpFees(before, now);
        return (
          above(after, before, 'maxFeePerGas') &&
          above(after, before, 'maxPriorityFeePerGas') &&
          after.maxFeePerGas >= now.maxFeePerGas
        );
      }),
    );
  });
});
