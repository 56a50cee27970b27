import {getEventListeners} from 'node:events';

import {describe, expect, it} from 'vitest';

import {pause} from '../../../src/lib/core/pause.ts';

const LONG_MS = 60_000;

describe('pause', () => {
  it('waits, and leaves nothing on a signal that lives on', async () => {
    const {signal} = new AbortController();
    const startedMs = performance.now();
    for (let round = 0; round < 20; round += 1) await pause(1, signal);
    expect(performance.now() - startedMs).toBeGreaterThan(15);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  it('ends early without an error when the signal aborts, and at once when it has', async () => {
    const stop = new AbortController();
    const waiting = pause(LONG_MS, stop.signal);
    stop.abort();
    await waiting;
    await pause(LONG_MS, stop.signal);
  });
});
