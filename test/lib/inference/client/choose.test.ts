import {describe, expect, it} from 'vitest';

import {chooseProvider} from '../../../../src/lib/inference/client/choose.ts';
import {Standing} from '../../../../src/lib/inference/client/standing.ts';

const offer = (provider: string, more: object = {}) => ({
  provider,
  priceIn: 10n,
  priceOut: 10n,
  slotsFree: 1,
  firstTokenMs: 100,
  ...more,
});
/** Draws the given numbers one after the other, again and again. */
const draw = (...numbers: number[]) => {
  let at = 0;
  return () => numbers[at++ % numbers.length] ?? 0;
};

describe('of two providers the one that costs less', () => {
  const standing = new Standing();
  const wins = (a: ReturnType<typeof offer>, b: ReturnType<typeof offer>, with_ = standing, now = 0) =>
    [0, 0.99].map((first) => chooseProvider([a, b], with_, now, draw(first, 0.5))?.provider);

  it('in time, in money, in waiting for a slot', () => {
    expect(wins(offer('slow', {firstTokenMs: 300}), offer('fast'))).toEqual(['fast', 'fast']);
    expect(wins(offer('dear', {priceOut: 30n}), offer('cheap'))).toEqual(['cheap', 'cheap']);
    expect(wins(offer('full', {slotsFree: 0}), offer('free'))).toEqual(['free', 'free']);
    expect(wins(offer('free of charge', {priceIn: 0n, priceOut: 0n}), offer('paid'))).toEqual(
      Array(2).fill('free of charge'),
    );
  });

  it('in what it has done for us', () => {
    const known = new Standing();
    known.setBack('bad', 'failed', 0);
    expect(wins(offer('bad'), offer('good'), known, 1)).toEqual(['good', 'good']);
    known.setBack('good', 'refused', 60_000, 30_000);
    expect(wins(offer('bad'), offer('good'), known, 60_001)).toEqual(['bad', 'bad']);
    known.begin('bad');
    for (let count = 0; count < 5; count += 1) known.begin('busy');
    expect(wins(offer('busy'), offer('idle'), known, 0)).toEqual(['idle', 'idle']);
  });
});

it('a liar gets nothing for a day', () => {
  const standing = new Standing();
  standing.setBack('liar', 'lied', 0);
  expect(chooseProvider([offer('liar')], standing, 1)).toBeUndefined();
  expect(chooseProvider([offer('liar')], standing, 25 * 3_600_000)?.provider).toBe('liar');
});

it('spreads over equals instead of herding', () => {
  const standing = new Standing();
  const offers = Array.from({length: 10}, (_, at) => offer(`p${at}`));
  const counts = new Map<string, number>();
  for (let count = 0; count < 1_000; count += 1) {
    const provider = chooseProvider(offers, standing, 0)?.provider ?? '';
    counts.set(provider, (counts.get(provider) ?? 0) + 1);
  }
  expect(counts.size).toBe(10);
  expect(Math.max(...counts.values())).toBeLessThan(300);
});

it('trust rises with success, falls with failure, and the table stays bounded', () => {
  const standing = new Standing();
  standing.setBack('p', 'failed', 0);
  const low = standing.trust('p');
  for (let count = 0; count < 20; count += 1) standing.succeeded('p');
  expect(low).toBeLessThan(0.7);
  expect(standing.trust('p')).toBeGreaterThan(0.9);
  for (let count = 0; count < 5_000; count += 1) standing.succeeded(`x${count}`);
  expect(standing.trust('x0')).toBe(1);
});
