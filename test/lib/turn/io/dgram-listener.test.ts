import {expect, it} from 'vitest';

import {monotonicMs} from '../../../../src/lib/turn/io/clock.ts';
import {DgramEngine} from '../../../../src/lib/turn/io/dgram/engine.ts';
import {endpointOf, EndpointCache} from '../../../../src/lib/turn/io/endpoint-cache.ts';

it('knows a remote right after it was let go, whoever came meanwhile: its last answer may be asked again', async () => {
  const nothing = (): void => undefined;
  const engine = new DgramEngine({
    events: {fromClient: nothing, fromPeer: nothing, heldChanged: nothing},
    endpoints: new EndpointCache(),
    now: monotonicMs,
    buffers: {listenerBytes: 0, relayBytes: 0},
    log: nothing,
  });
  const listener = await engine.listen({family: 4, address: '127.0.0.1', port: 0, reusePort: false});
  const remote = endpointOf('203.0.113.1', 40_000);
  const path = listener.path(remote);
  path.hold(true);
  // Each place for strangers is taken.
  for (let port = 50_000; port < 50_512; port += 1) listener.path(endpointOf('203.0.113.2', port));
  path.hold(false);
  expect(listener.path(remote)).toBe(path);
  await engine.close();
});
