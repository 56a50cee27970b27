import {createHook} from 'node:async_hooks';

import {onTestFinished} from 'vitest';

/** What closes has a last word in the next turn of the loop; nobody notices so short a wait. */
const NOTICED_MS = 50;

/** Watches the timers made from now on: gives the waits, in ms, of those that still hold the process. */
export function watchTimers(): () => number[] {
  const timers = new Map<number, NodeJS.Timeout>();
  const hook = createHook({
    init: (id, type, _trigger, resource) => void (type === 'Timeout' && timers.set(id, resource as NodeJS.Timeout)),
    destroy: (id) => void timers.delete(id),
  }).enable();
  onTestFinished(() => void hook.disable());
  return () =>
    [...timers.values()]
      .filter((timer) => timer.hasRef())
      .map((timer) => Number(Reflect.get(timer, '_idleTimeout')))
      .filter((ms) => ms > NOTICED_MS);
}
