import {describe, expect, it} from 'vitest';

import {TokenBucket, TokenBuckets} from '../../../src/lib/core/token-bucket.ts';

describe('TokenBucket', () => {
  const through = (bucket: TokenBucket, nowMs: number): number =>
    Array.from({length: 20}, () => bucket.take(1, nowMs)).filter(Boolean).length;

  it('lets the burst through at once and the rate afterwards', () => {
    const bucket = new TokenBucket({perSecond: 1000, burst: 10}, 0);
    expect([0, 5, 5, 1000, 900, 1001].map((nowMs) => through(bucket, nowMs))).toEqual([10, 5, 0, 10, 0, 1]);
  });

  it('takes all or nothing', () => {
    const bucket = new TokenBucket({perSecond: 10, burst: 3}, 0);
    expect(bucket.take(4, 1e9)).toBe(false);
    expect(bucket.take(3, 1e9)).toBe(true);
  });

  it('gives nothing for a clock that was set back, and goes on from there', () => {
    const bucket = new TokenBucket({perSecond: 10, burst: 3}, 3_600_000);
    expect([3_600_000, 0, 100, 99].map((nowMs) => through(bucket, nowMs))).toEqual([3, 0, 1, 0]);
  });
});

describe('TokenBuckets', () => {
  it('limits each name on its own', () => {
    const buckets = new TokenBuckets({perSecond: 2, burst: 3}, 10);
    expect([1, 2, 3, 4].map(() => buckets.take('a', 1, 0))).toEqual([true, true, true, false]);
    expect(buckets.take('b', 1, 0)).toBe(true);
    expect(buckets.take('a', 1, 499)).toBe(false);
    expect([1, 2, 3].map(() => buckets.take('a', 1, 1_000))).toEqual([true, true, false]);
  });

  it('remembers so many names, and forgets who was quiet longest', () => {
    const buckets = new TokenBuckets({perSecond: 1, burst: 1}, 2);
    expect(['a', 'b', 'a', 'c', 'a', 'b'].map((name) => buckets.take(name, 1, 0))).toEqual([
      true,
      true,
      false,
      true,
      false,
      true,
    ]);
  });
});
