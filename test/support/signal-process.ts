// A signalling server as a process of its own: `node signal-process.ts <options as JSON>` prints its URL.
// With `{"join": <URL>}` it is a client in the room `room`, and prints its peer id.
// Only for tests of kill -9 and of several servers behind one Redis.
import {generateKeyPair} from '@libp2p/crypto/keys';
import pino from 'pino';
import {Registry} from 'prom-client';

import {joinByWebSocket} from '../../src/lib/signal/client/websocket.ts';
import {SignalService} from '../../src/lib/signal/signal-service.ts';
import type {SignalServiceOptions} from '../../src/lib/signal/signal-service.ts';

const {join, ...options} = JSON.parse(process.argv[2] ?? '{}') as Partial<SignalServiceOptions> & {join?: string};

if (join === undefined) await serve();
else await beClient(join);

async function serve(): Promise<void> {
  const service = new SignalService({protocolPrefix: '/quiver/test', host: '127.0.0.1', port: 0, ...options});
  await service.start({
    signal: new AbortController().signal,
    log: pino({level: 'debug'}, pino.destination(2)),
    metrics: new Registry(),
    find: () => undefined,
  });
  console.log(service.info().addresses[0]);
  process.once('SIGTERM', () => void service.drain().then(() => service.stop()));
}

async function beClient(url: string): Promise<void> {
  const peerKey = await generateKeyPair('Ed25519');
  const channel = await joinByWebSocket({urls: [url], room: 'room', protocol: '/quiver/test/signal/1.0.0', peerKey});
  console.log(channel.self);
}
