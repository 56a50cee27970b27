import {describe, expect, it} from 'vitest';

import {PathQuality} from '../../../src/lib/ice/quality.ts';
import {Restarts} from '../../../src/lib/ice/restarts.ts';

/** Lets a path run; `answer` says after how many ms a ping is answered, or that it is lost. */
function run(
  quality: PathQuality,
  {
    fromMs = 0,
    toMs,
    answer,
    busy = false,
  }: {fromMs?: number; toMs: number; answer(n: number): number | undefined; busy?: boolean},
) {
  const pings: number[] = [];
  const pongs: [number, number][] = [];
  for (let now = fromMs; now <= toMs; now += 100) {
    if (busy) quality.traffic(now);
    const due = pongs.filter(([, dueMs]) => dueMs <= now && dueMs > now - 100);
    for (const [answered, dueMs] of due) quality.pong(answered, dueMs);
    const number = quality.ping(now);
    if (number === undefined) continue;
    pings.push(now);
    const delay = answer(number);
    if (delay !== undefined) pongs.push([number, now + delay]);
  }
  return pings;
}

describe('path quality', () => {
  it('measures the round trip, its jitter and the loss', () => {
    const quality = new PathQuality(0);
    run(quality, {toMs: 40_000, busy: true, answer: (n) => (n % 5 === 0 ? undefined : 80 + (n % 2) * 20)});
    const {rttMs, jitterMs, lossRatio} = quality.report();
    expect(rttMs).toBeGreaterThan(80);
    expect(rttMs).toBeLessThan(100);
    expect(jitterMs).toBeGreaterThan(5);
    expect(jitterMs).toBeLessThan(20);
    expect(lossRatio).toBeCloseTo(0.2, 1);
    expect(quality.verdict(40_000)).toBe('good');
  });

  it('pings every second at first and under load, and every 15 s when idle', () => {
    const quality = new PathQuality(0);
    const first = run(quality, {toMs: 60_000, answer: () => 10});
    expect(first.slice(0, 5)).toEqual([0, 1_000, 2_000, 3_000, 4_000]);
    expect(first.slice(5).map((at, index) => at - first[index + 4]!)).toEqual([15_000, 15_000, 15_000]);
    const busy = run(quality, {fromMs: 60_100, toMs: 70_000, answer: () => 10, busy: true});
    expect(busy.length).toBeGreaterThanOrEqual(9);
  });

  it('calls a path dead that is silent though it was asked, and not one that was not asked', () => {
    const quality = new PathQuality(0);
    run(quality, {toMs: 10_000, answer: () => 10});
    expect(quality.verdict(18_000)).toBe('good');
    run(quality, {fromMs: 19_000, toMs: 23_900, answer: () => undefined});
    expect(quality.verdict(23_900)).toBe('good');
    expect(quality.verdict(24_100)).toBe('dead');
    quality.heard(24_200);
    expect(quality.verdict(24_300)).not.toBe('dead');
  });

  it.each([
    ['much is lost', (n: number) => (n % 2 === 0 ? undefined : 50), 'degraded'],
    ['it is slow', () => 1_800, 'degraded'],
    ['a little is lost', (n: number) => (n % 5 === 0 ? undefined : 50), 'good'],
  ])('judges a path where %s', (_name, answer, verdict) => {
    const quality = new PathQuality(0);
    run(quality, {toMs: 30_000, busy: true, answer});
    expect(quality.verdict(30_000)).toBe(verdict);
  });
});

describe('restarts', () => {
  it('tries a relay when a direct path is bad or does not come back', () => {
    const restarts = new Restarts();
    expect([0, 1, 2].map((round) => restarts.policy('dead', round, 'host'))).toEqual(['all', 'relay', 'all']);
    expect(restarts.policy('degraded', 0, 'srflx')).toBe('relay');
    expect(restarts.policy('degraded', 0, 'relay')).toBe('all');
  });

  it('looks for something better once a minute at most', () => {
    const restarts = new Restarts();
    expect([0, 30_000, 60_000].map((now) => restarts.mayImprove(now))).toEqual([true, false, true]);
  });
});
