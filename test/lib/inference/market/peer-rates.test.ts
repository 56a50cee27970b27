import {expect, it} from 'vitest';

import {PeerRates} from '../../../../src/lib/inference/market/peer-rates.ts';
import {SeenSet} from '../../../../src/lib/inference/market/seen.ts';

it('allows a burst, then the rate, for each peer on its own', () => {
  const rates = new PeerRates({perSecond: 2, burst: 3});
  expect([1, 2, 3, 4].map(() => rates.allow('a', 0))).toEqual([true, true, true, false]);
  expect(rates.allow('b', 0)).toBe(true);
  expect(rates.allow('a', 499)).toBe(false);
  expect([1, 2, 3].map(() => rates.allow('a', 1_000))).toEqual([true, true, false]);
  // A clock that goes back gives nothing.
  expect(rates.allow('a', 0)).toBe(false);
  expect(rates.allow('a', 1_000)).toBe(false);
});

it('a name seen lately is not new; the oldest are forgotten', () => {
  const seen = new SeenSet(2);
  expect([seen.add('a'), seen.add('a'), seen.add('b'), seen.add('c'), seen.add('a')]).toEqual([
    true,
    false,
    true,
    true,
    true,
  ]);
});
