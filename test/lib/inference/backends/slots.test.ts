import {describe, expect, it} from 'vitest';
import {Slots} from '../../../../src/lib/inference/backends/slots.ts';

const never = new AbortController().signal;

describe('Slots', () => {
  it('hands places on in the order of asking', async () => {
    const slots = new Slots('it', 2);
    const order: number[] = [];
    const first = await slots.take(never);
    const second = await slots.take(never);
    const third = slots.take(never).then((release) => (order.push(3), release));
    const fourth = slots.take(never).then((release) => (order.push(4), release));
    await expect(slots.take(never)).rejects.toMatchObject({code: 'BACKEND_BUSY', retryAfterMs: 1000});
    first?.();
    first?.();
    await third;
    expect(order).toEqual([3]);
    second?.();
    await fourth;
    expect(order).toEqual([3, 4]);
    (await third)?.();
    (await fourth)?.();
    expect(await slots.take(never)).toBeTypeOf('function');
  });

  it('gives up waiting when asked to, without losing a place', async () => {
    const slots = new Slots('it', 1);
    const first = await slots.take(never);
    const controller = new AbortController();
    const waiting = slots.take(controller.signal);
    controller.abort();
    expect(await waiting).toBeUndefined();
    expect(await slots.take(AbortSignal.abort())).toBeUndefined();
    const next = slots.take(never);
    first?.();
    expect(await next).toBeTypeOf('function');
  });

  it('passes a place on that came just as its asker gave up', async () => {
    const slots = new Slots('it', 1);
    const first = await slots.take(never);
    const controller = new AbortController();
    const waiting = slots.take(controller.signal);
    first?.();
    controller.abort();
    (await waiting)?.();
    expect(await slots.take(never)).toBeTypeOf('function');
  });
});
