import {describe, expect, it} from 'vitest';

import {Pace} from '../../../src/lib/ice/pace.ts';

const FRAME = 60_000;

/** A path of a rate and a one-way delay that is always given as much as the pace allows. */
function run(bytesPerMs: number, delayMs: number, forMs: number) {
  const pace = new Pace();
  const queue: {bytes: number; sentMs: number}[] = [];
  const acks: {bytes: number; atMs: number}[] = [];
  const waits: number[] = [];
  let credit = 0;
  let carried = 0;
  for (let now = 0; now < forMs; now++) {
    while (pace.room >= FRAME) {
      pace.sent(FRAME, now);
      queue.push({bytes: FRAME, sentMs: now});
    }
    credit = queue.length === 0 ? 0 : credit + bytesPerMs;
    while (queue[0] !== undefined && credit >= queue[0].bytes) {
      const {bytes, sentMs} = queue.shift()!;
      credit -= bytes;
      carried += bytes;
      waits.push(now - sentMs);
      acks.push({bytes, atMs: now + 2 * delayMs});
    }
    while (acks[0] !== undefined && acks[0].atMs <= now) pace.acknowledged(acks.shift()!.bytes, now);
  }
  return {used: carried / (bytesPerMs * forMs), worstWaitMs: Math.max(...waits.slice(waits.length >> 1))};
}

describe('pace', () => {
  it.each([
    ['a slow path', 100, 50],
    ['a phone', 1_000, 80],
  ])('keeps the queue short on %s, and the path full', (_name, bytesPerMs, delayMs) => {
    const {used, worstWaitMs} = run(bytesPerMs, delayMs, 60_000);
    expect(used).toBeGreaterThan(0.8);
    expect(worstWaitMs).toBeLessThan(1_500);
  });

  it('fills a fast one', () => {
    expect(run(20_000, 40, 20_000).used).toBeGreaterThan(0.8);
  });
});
