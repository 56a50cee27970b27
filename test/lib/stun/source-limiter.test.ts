import {describe, expect, it} from 'vitest';

import {parseIp} from '../../../src/lib/core/ip-address.ts';
import {limiterMemory, SourceLimiter} from '../../../src/lib/stun/source-limiter.ts';
import {Dice} from './support/mutate.ts';

const LIMITS = {perSecond: 100, burst: 200};
const source = (text: string) => ({bytes: parseIp(text)!.bytes});
const A = source('203.0.113.1');
const B = source('203.0.113.2');

/** How many of `count` come through at one moment. */
function allowed(limiter: SourceLimiter, from: {bytes: Uint8Array}, nowMs: number, count: number): number {
  let passed = 0;
  for (let round = 0; round < count; round++) if (limiter.allow(from, nowMs)) passed++;
  return passed;
}

describe('SourceLimiter', () => {
  it('lets a burst through, then the rate, then a burst again after a rest', () => {
    const limiter = new SourceLimiter(LIMITS);
    expect(allowed(limiter, A, 1000, 1000)).toBe(200);
    expect(allowed(limiter, A, 1500, 1000)).toBe(50);
    expect(allowed(limiter, A, 2500, 1000)).toBe(100);
    expect(allowed(limiter, A, 60_000, 1000)).toBe(200);
  });

  it('holds back nobody else', () => {
    const limiter = new SourceLimiter(LIMITS);
    allowed(limiter, A, 0, 1000);
    expect(allowed(limiter, B, 0, 1000)).toBe(200);
  });

  it('counts an IPv6 /64 as one, and the next one as another', () => {
    const limiter = new SourceLimiter(LIMITS);
    expect(allowed(limiter, source('2001:db8:0:1::1'), 0, 150)).toBe(150);
    expect(allowed(limiter, source('2001:db8:0:1:ffff:ffff:ffff:ffff'), 0, 150)).toBe(50);
    expect(allowed(limiter, source('2001:db8:0:2::1'), 0, 150)).toBe(150);
  });

  it('counts nothing that it refuses, so that a flood does not lock its source out', () => {
    const limiter = new SourceLimiter(LIMITS);
    allowed(limiter, A, 0, 100_000);
    expect(allowed(limiter, A, 1000, 1000)).toBe(100);
  });

  it('locks nobody out when the clock is set back', () => {
    const limiter = new SourceLimiter(LIMITS);
    allowed(limiter, A, 10_000_000, 1000);
    expect(allowed(limiter, A, 0, 1000)).toBe(0);
    expect(allowed(limiter, A, 1000, 1000)).toBe(100);
  });

  it('gives a source nothing back when a million others come, and holds few others back meanwhile', () => {
    const limiter = new SourceLimiter(LIMITS);
    const dice = new Dice(1);
    expect(allowed(limiter, A, 0, 1000)).toBe(200);
    const others = {bytes: new Uint8Array(4)};
    for (let round = 0; round < 1_000_000; round++) {
      new DataView(others.bytes.buffer).setUint32(0, dice.roll(2 ** 32));
      limiter.allow(others, 0);
    }
    expect(allowed(limiter, A, 0, 1000)).toBe(0);
    // 31 spoofed packets fell into each slot on average: who comes now has most of a burst left.
    expect(allowed(limiter, B, 0, 1000)).toBeGreaterThan(100);
  });

  it('keeps slow limits too, and takes none that would let nobody or everybody in', () => {
    const tenAMinute = new SourceLimiter({perSecond: 10 / 60, burst: 10});
    expect(allowed(tenAMinute, A, 0, 100)).toBe(10);
    expect(allowed(tenAMinute, A, 6001, 100)).toBe(1);
    for (const [perSecond, burst] of [
      [0, 1],
      [-1, 1],
      [Number.NaN, 1],
      [1, 0],
    ] as const) {
      expect(() => new SourceLimiter({perSecond, burst})).toThrow(RangeError);
    }
  });

  it('is shared by the threads that are given its memory', () => {
    const memory = limiterMemory();
    const one = new SourceLimiter({...LIMITS, memory});
    const two = new SourceLimiter({...LIMITS, memory});
    expect(allowed(one, A, 0, 150) + allowed(two, A, 0, 150)).toBe(200);
    expect(memory.byteLength).toBeLessThan(600_000);
  });

  it('hashes with a seed of its own, so that nobody can find out whose slots collide', () => {
    const slots = (limiter: SourceLimiter): string => {
      const pattern: boolean[] = [];
      const dice = new Dice(7);
      const from = {bytes: new Uint8Array(4)};
      for (let round = 0; round < 60_000; round++) {
        new DataView(from.bytes.buffer).setUint32(0, dice.roll(2 ** 32));
        pattern.push(limiter.allow(from, 0));
      }
      return pattern.map(Number).join('');
    };
    const strict = {perSecond: 1, burst: 1};
    expect(slots(new SourceLimiter(strict))).not.toBe(slots(new SourceLimiter(strict)));
  });
});
