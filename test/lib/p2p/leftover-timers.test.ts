import {createHook} from 'node:async_hooks';
import {setTimeout as sleep} from 'node:timers/promises';

import {expect, onTestFinished, test} from 'vitest';

import {startNode} from '../../support/nodes.ts';

test('a node that has stopped leaves no timer behind that would hold the process', async () => {
  const timers = new Map<number, NodeJS.Timeout>();
  const hook = createHook({
    init: (id, type, _trigger, resource) => void (type === 'Timeout' && timers.set(id, resource as NodeJS.Timeout)),
    destroy: (id) => void timers.delete(id),
  }).enable();
  onTestFinished(() => void hook.disable());
  const relay = await startNode({
    roles: ['relay'],
    listen: {host: '127.0.0.1', tcp: 0, quic: 0, ws: 0, webrtcDirect: 0},
  });
  const provider = await startNode({roles: ['provider']});
  await provider.dial(relay.getMultiaddrs());
  // Heartbeats begin after a tenth of a second.
  await sleep(300);
  await Promise.all([relay.stop(), provider.stop()]);
  const waits = [...timers.values()].filter((timer) => timer.hasRef()).map((timer) => timeOf(timer));
  // Streams that were closed have a last word in the next turn.
  expect(waits.filter((ms) => ms > 50)).toEqual([]);
});

function timeOf(timer: NodeJS.Timeout): number {
  return Reflect.get(timer, '_idleTimeout') as number;
}
