/** Our TURN server in a process of its own, with limits out of the way. */
import {randomBytes} from 'node:crypto';
import {parseArgs} from 'node:util';

import {LocalAdmission} from '../../src/lib/turn/core/local-admission.ts';
import {monotonicMs} from '../../src/lib/turn/io/clock.ts';
import {SocketServer} from '../../src/lib/turn/io/server.ts';
import {STREAM_LIMITS} from '../../src/lib/turn/io/stream/stream-options.ts';

const {positionals, values} = parseArgs({
  allowPositionals: true,
  options: {
    engine: {type: 'string', default: 'dgram'},
    'no-segmentation': {type: 'boolean', default: false},
    'allow-peer': {type: 'string', multiple: true, default: []},
    workers: {type: 'string', default: '1'},
  },
});
const [host = '', port, realm = '', username = '', password = ''] = positionals;
const unlimited = 1_000_000;

const server = new SocketServer(
  {
    listen: {hosts: [host], port: Number(port), tcp: false, reusePort: false},
    core: {
      kind: 'turn',
      options: {
        realm,
        secrets: [],
        users: new Map([[username, password]]),
        nonceKey: randomBytes(32),
        peers: {allow: values['allow-peer'], deny: [], ownRelays: [host], relayPorts: [49_152, 65_535]},
        limits: {
          bindingsPerSecond: unlimited,
          bindingBurst: unlimited,
          challengesPerSecond: unlimited,
          challengeBurst: unlimited,
        },
      },
      relay: {addresses: [{address: host}], ports: [49_152, 65_535]},
    },
    engine: values.engine === 'batch' ? 'batch' : 'dgram',
    segmentation: !values['no-segmentation'],
    streams: STREAM_LIMITS,
    buffers: {listenerBytes: 4 * 1_024 * 1_024, relayBytes: 1_024 * 1_024},
  },
  new LocalAdmission({maxAllocations: unlimited, maxPerUser: unlimited, perUserPerMinute: unlimited}, monotonicMs),
  (_level, message, fields) => process.stderr.write(`${message} ${JSON.stringify(fields)}\n`),
);
await server.start();
