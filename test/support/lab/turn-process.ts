// Our TURN server in a process of its own: `node turn-process.ts '<TurnProcessOptions as JSON>'`, ready when it says so.
import {randomBytes} from 'node:crypto';
import {readFileSync} from 'node:fs';

import {ADMISSION_LIMITS, LocalAdmission} from '../../../src/lib/turn/core/local-admission.ts';
import {monotonicMs} from '../../../src/lib/turn/io/clock.ts';
import {SocketServer} from '../../../src/lib/turn/io/server.ts';
import {STREAM_LIMITS} from '../../../src/lib/turn/io/stream/stream-options.ts';
import type {TurnProcessOptions} from './turn-server.ts';

const options = JSON.parse(process.argv[2] ?? '{}') as TurnProcessOptions;
const {addresses, port, tls, secret, relayPorts = [49_152, 65_535], lifetimeSeconds} = options;
const server = new SocketServer(
  {
    listen: {
      hosts: addresses,
      port,
      tcp: true,
      ...(tls !== undefined && {
        tls: {
          port: tls.port,
          certificate: {cert: readFileSync(tls.certFile, 'utf8'), key: readFileSync(tls.keyFile, 'utf8')},
        },
      }),
      ...(options.alternatePort !== undefined && {alternatePort: options.alternatePort}),
      reusePort: false,
    },
    core: {
      kind: 'turn',
      options: {
        realm: 'lab.example',
        secrets: [secret],
        users: new Map(Object.entries(options.users ?? {})),
        nonceKey: randomBytes(32),
        peers: {allow: options.allow ?? [], deny: [], ownRelays: addresses, relayPorts},
        ...(lifetimeSeconds !== undefined && {
          lifetimeMs: lifetimeSeconds * 1_000,
          maxLifetimeMs: lifetimeSeconds * 1_000,
        }),
      },
      relay: {addresses: addresses.map((address) => ({address})), ports: relayPorts},
    },
    engine: options.engine ?? 'dgram',
    streams: {...STREAM_LIMITS, ...options.streams},
    buffers: {listenerBytes: 1 << 20, relayBytes: 1 << 18},
  },
  new LocalAdmission({...ADMISSION_LIMITS, ...options.limits}, monotonicMs),
  (level, message, fields) => process.stderr.write(`${level} ${message} ${JSON.stringify(fields)}\n`),
);
await server.start();
process.stdout.write('ready\n');
