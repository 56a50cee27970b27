import {randomBytes} from 'node:crypto';

import {LocalAdmission} from '../../../../src/lib/turn/core/local-admission.ts';
import type {AdmissionLimits} from '../../../../src/lib/turn/core/local-admission.ts';
import type {TurnCoreOptions} from '../../../../src/lib/turn/core/options.ts';
import {monotonicMs} from '../../../../src/lib/turn/io/clock.ts';
import type {RelayRange, ServerListen} from '../../../../src/lib/turn/io/server-options.ts';
import {SocketServer} from '../../../../src/lib/turn/io/server.ts';
import {STREAM_LIMITS} from '../../../../src/lib/turn/io/stream/stream-options.ts';
import type {StreamLimits} from '../../../../src/lib/turn/io/stream/stream-options.ts';

export const USER = {username: 'alice', password: 'wonderland'};

export interface TestServerOptions {
  listen?: Partial<ServerListen>;
  relay?: Partial<RelayRange>;
  core?: Partial<TurnCoreOptions>;
  admission?: Partial<AdmissionLimits>;
  streams?: Partial<StreamLimits>;
}

export interface TestServer {
  server: SocketServer;
  admission: LocalAdmission;
  /** UDP and TCP. */
  port: number;
  tlsPort: number;
  /** What it logged. */
  logged: string[];
}

/** A TURN server on this thread, on loopback of both families, that relays to loopback. */
export async function startServer(options: TestServerOptions = {}): Promise<TestServer> {
  const logged: string[] = [];
  const relay: RelayRange = {
    addresses: [{address: '127.0.0.1'}, {address: '::1'}],
    ports: [30_000, 32_000],
    ...options.relay,
  };
  const limits = {maxAllocations: 100_000, maxPerUser: 100_000, perUserPerMinute: 10_000_000, ...options.admission};
  const admission = new LocalAdmission(limits, monotonicMs);
  const server = new SocketServer(
    {
      listen: {hosts: ['127.0.0.1', '::1'], port: 0, tcp: true, reusePort: false, ...options.listen},
      core: {
        kind: 'turn',
        relay,
        options: {
          realm: 'test.example',
          secrets: [],
          users: new Map([[USER.username, USER.password]]),
          nonceKey: randomBytes(32),
          peers: {
            allow: ['127.0.0.0/8', '::1/128'],
            deny: [],
            ownRelays: relay.addresses.map(({address}) => address),
            relayPorts: relay.ports,
          },
          limits: {bindingsPerSecond: 1e6, bindingBurst: 1e6, challengesPerSecond: 1e6, challengeBurst: 1e6},
          ...options.core,
        },
      },
      engine: 'dgram',
      streams: {...STREAM_LIMITS, ...options.streams},
      buffers: {listenerBytes: 0, relayBytes: 0},
    },
    admission,
    (level, message, fields) => logged.push(`${level} ${message} ${JSON.stringify(fields)}`),
  );
  await server.start();
  const port = server.bound.find(({transport}) => transport === 'udp')!.port;
  const tlsPort = server.bound.find(({transport}) => transport === 'tls')?.port ?? 0;
  return {server, admission, port, tlsPort, logged};
}
