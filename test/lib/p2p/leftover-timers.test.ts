import {setTimeout as sleep} from 'node:timers/promises';

import {expect, test} from 'vitest';

import {watchTimers} from '../../support/held-timers.ts';
import {startNode} from '../../support/nodes.ts';

test('a node that has stopped leaves no timer behind that would hold the process', async () => {
  const held = watchTimers();
  const relay = await startNode({
    roles: ['relay'],
    listen: {host: '127.0.0.1', tcp: 0, quic: 0, ws: 0, webrtcDirect: 0},
  });
  const provider = await startNode({roles: ['provider']});
  await provider.dial(relay.getMultiaddrs());
  // Heartbeats begin after a tenth of a second.
  await sleep(300);
  await Promise.all([relay.stop(), provider.stop()]);
  expect(held()).toEqual([]);
});
