import {expect, it} from 'vitest';

import {Admission} from '../../../../src/lib/inference/provider/admission.ts';

const {signal} = new AbortController();

it('admits as many as there are slots, queues as many again, refuses the rest with a time', async () => {
  const admission = new Admission(2);
  const first = await admission.enter(signal);
  await admission.enter(signal);
  const third = admission.enter(signal);
  const fourth = admission.enter(signal);
  expect([admission.active, admission.queued, admission.free]).toEqual([2, 2, 0]);
  const fifth = await admission.enter(signal);
  expect(fifth.ok).toBe(false);
  expect(!fifth.ok && fifth.retryAfterMs).toBeGreaterThanOrEqual(50);
  if (first.ok) first.release();
  if (first.ok) first.release();
  expect(await third).toMatchObject({ok: true});
  expect([admission.active, admission.queued]).toEqual([2, 1]);
  const granted = await third;
  if (granted.ok) granted.release();
  await fourth;
  expect([admission.active, admission.queued]).toEqual([2, 0]);
});

it('forgets who leaves the queue', async () => {
  const admission = new Admission(1);
  const holder = await admission.enter(signal);
  const leaving = new AbortController();
  const waiting = admission.enter(leaving.signal);
  leaving.abort('gone');
  await expect(waiting).rejects.toThrow('left the queue');
  if (holder.ok) holder.release();
  expect([admission.active, admission.queued]).toEqual([0, 0]);
});
