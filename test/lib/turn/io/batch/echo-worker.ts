/** A worker thread with a batch engine that answers what it gets; says its port, ends as it is told. */
import {parentPort} from 'node:worker_threads';

import {createBatchEngine} from '../../../../../src/lib/turn/io/batch/engine.ts';
import {EndpointCache} from '../../../../../src/lib/turn/io/endpoint-cache.ts';

const engine = await createBatchEngine({
  events: {
    fromClient: (path, bytes) => {
      if (bytes.length === 5) throw new Error('a bug that nobody caught');
      path.send(bytes);
    },
    fromPeer: () => {},
    heldChanged: () => {},
  },
  endpoints: new EndpointCache(),
  now: () => performance.now(),
  buffers: {listenerBytes: 1_048_576, relayBytes: 262_144},
  log: () => {},
});
const {local} = await engine.listen({family: 4, address: '127.0.0.1', port: 0, reusePort: true});
await engine.bindRelay({family: 4, address: '127.0.0.1', port: 0});
parentPort?.postMessage(local.port);
parentPort?.on('message', (how: string) => {
  if (how === 'exit') process.exit(3);
  if (how === 'close') void engine.close().then(() => parentPort?.close());
});
