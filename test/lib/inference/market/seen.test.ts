import {expect, it} from 'vitest';

import {SeenSet} from '../../../../src/lib/inference/market/seen.ts';

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
