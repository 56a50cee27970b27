import {generateKeyPair} from '@libp2p/crypto/keys';
import type {PrivateKey} from '@libp2p/interface';
import pino from 'pino';
import type {Logger} from 'pino';
import {Registry} from 'prom-client';
import {onTestFinished} from 'vitest';

import {peerFromKey} from '../../../../src/lib/records/peer-key.ts';
import type {SignalChannel, SignalEvents, SignalMessage} from '../../../../src/lib/records/signal-message.ts';
import type {Service, ServiceContext} from '../../../../src/lib/service/service.ts';
import {joinByHttp} from '../../../../src/lib/signal/client/http.ts';
import {joinByWebSocket} from '../../../../src/lib/signal/client/websocket.ts';
import type {UrlChannelOptions} from '../../../../src/lib/signal/client/websocket.ts';
import {SignalService} from '../../../../src/lib/signal/signal-service.ts';
import type {SignalServiceOptions} from '../../../../src/lib/signal/signal-service.ts';

export const PREFIX = '/quiver/test';
export const PROTOCOL = `${PREFIX}/signal/1.0.0`;
export const OFFER: SignalMessage = {type: 'offer', sdp: 'v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\n'};
export const CANDIDATE: SignalMessage = {type: 'ice-candidate', candidate: 'candidate:1 1 UDP 1 192.0.2.1 9 typ host'};

export const newKey = (): Promise<PrivateKey> => generateKeyPair('Ed25519');
export const peerOf = (key: PrivateKey): string => peerFromKey(key.publicKey.raw);

export interface TestServer {
  service: SignalService;
  url: string;
  metrics: Registry;
  /** Everything that was logged. */
  logged: string[];
}

/** The value of a metric with these labels. */
export async function metric(registry: Registry, name: string, labels: Record<string, string> = {}): Promise<number> {
  const found = await registry.getSingleMetric(name)?.get();
  const wanted = Object.entries(labels);
  return (found?.values ?? [])
    .filter((sample) => wanted.every(([label, value]) => sample.labels[label] === value))
    .reduce((sum, {value}) => sum + value, 0);
}

export function contextOf(metrics: Registry, logged: string[], services: readonly Service[] = []): ServiceContext {
  const log: Logger = pino({level: 'trace'}, {write: (line: string) => void logged.push(line)});
  return {
    signal: new AbortController().signal,
    log,
    metrics,
    find: (kind) => services.find((service) => service.kind === kind),
  };
}

/** A real server on a free port of loopback, stopped when the test ends. */
export async function startServer(options: Partial<SignalServiceOptions> = {}): Promise<TestServer> {
  const service = new SignalService({protocolPrefix: PREFIX, host: '127.0.0.1', port: 0, ...options});
  const [metrics, logged] = [new Registry(), [] as string[]];
  await service.start(contextOf(metrics, logged));
  onTestFinished(() => service.stop());
  return {service, url: service.info().addresses[0]!, metrics, logged};
}

export type Join = (options: UrlChannelOptions) => Promise<SignalChannel>;
export const JOINS: readonly [string, Join][] = [
  ['WebSocket', joinByWebSocket],
  ['HTTP', joinByHttp],
];

/** A channel that is closed when the test ends. */
export async function join(
  by: Join,
  server: TestServer | readonly TestServer[],
  options: Partial<UrlChannelOptions> = {},
): Promise<SignalChannel> {
  const urls = [server].flat().map(({url}) => url);
  const peerKey = options.peerKey ?? (await newKey());
  const channel = await by({urls, room: 'room', protocol: PROTOCOL, ...options, peerKey});
  onTestFinished(() => channel.close());
  return channel;
}

/** The next event of a kind for which `matches` holds. */
export function next<K extends keyof SignalEvents>(
  channel: SignalChannel,
  event: K,
  matches: (value: SignalEvents[K]) => boolean = () => true,
  timeoutMs = 10_000,
): Promise<SignalEvents[K]> {
  const {promise, resolve, reject} = Promise.withResolvers<SignalEvents[K]>();
  const timer = setTimeout(() => reject(new Error(`no ${event} within ${timeoutMs} ms`)), timeoutMs);
  const off = channel.on(event, (value) => {
    if (!matches(value)) return;
    clearTimeout(timer);
    off();
    resolve(value);
  });
  return promise;
}

/** Collects every event of a kind from now on. */
export function collect<K extends keyof SignalEvents>(channel: SignalChannel, event: K): SignalEvents[K][] {
  const events: SignalEvents[K][] = [];
  channel.on(event, (value) => void events.push(value));
  return events;
}

/** Waits until something holds. */
export async function until(holds: () => boolean | Promise<boolean>, timeoutMs = 10_000): Promise<void> {
  const end = performance.now() + timeoutMs;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`it did not come true within ${timeoutMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
