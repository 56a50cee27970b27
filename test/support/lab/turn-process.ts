// Our TURN or STUN service in a process of its own: `node turn-process.ts '<TurnProcessOptions as JSON>'`;
// logs on stderr.
import {Registry} from 'prom-client';

import {createLogger} from '../../../src/lib/observability/logger.ts';
import {StunService} from '../../../src/lib/turn/stun-service.ts';
import {TurnService} from '../../../src/lib/turn/turn-service.ts';
import type {TurnProcessOptions} from './turn-server.ts';

const options = JSON.parse(process.argv[2] ?? '{}') as TurnProcessOptions;
const {addresses, port, tls, alternatePort, relayPorts = [49_152, 65_535], lifetimeSeconds} = options;
const {engine = 'dgram', workers = 1, streams = {}} = options;
const listen = {hosts: addresses, port, tcp: true, tls, alternatePort};
const service =
  options.service === 'stun'
    ? new StunService({listen, engine, workers, streams, limits: {bindingsPerSecond: 100, bindingBurst: 200}})
    : new TurnService({
        listen,
        engine,
        workers,
        streams,
        relay: {addresses: addresses.map((address) => ({address})), ports: relayPorts},
        realm: 'lab.example',
        secrets: [options.secret],
        users: new Map(Object.entries(options.users ?? {})),
        peers: {allow: options.allow ?? [], deny: []},
        admission: options.limits ?? {},
        ...(lifetimeSeconds !== undefined && {
          lifetimeMs: lifetimeSeconds * 1_000,
          maxLifetimeMs: lifetimeSeconds * 1_000,
        }),
      });
const metrics = new Registry();
const log = await createLogger({level: 'warn'});
await service.start({signal: new AbortController().signal, log, metrics, find: () => undefined});
// Whoever asks over IPC gets the metrics.
process.on('message', () => void metrics.metrics().then((text) => process.send?.(text)));
process.on('disconnect', () => process.exit());
process.on('SIGTERM', () => void service.stop().then(() => process.exit(0)));
