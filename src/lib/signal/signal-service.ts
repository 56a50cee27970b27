import {generateKeyPair} from '@libp2p/crypto/keys';
import type {PrivateKey} from '@libp2p/interface';

import {CertificateWatcher, loadCertificate} from '../core/certificate-file.ts';
import type {Certificate, CertificateFiles} from '../core/certificate-file.ts';
import {dialable, isWildcard} from '../core/interface-addresses.ts';
import type {Logger} from '../observability/logger.ts';
import {peerFromKey} from '../records/peer-key.ts';
import {signalProtocol} from '../records/signal-message.ts';
import type {Health, HealthCheck, Route, Service, ServiceContext, ServiceInfo} from '../service/service.ts';
import {joinByWebSocket} from './client/websocket.ts';
import {SignalExchange} from './exchange.ts';
import type {ExchangeOptions} from './exchange.ts';
import {registerSignalMetrics} from './metrics.ts';
import {callableAddresses, ownNames} from './own-names.ts';
import {SIGNAL_PATH} from './protocol.ts';
import type {RoomBus} from './room-bus.ts';
import {signalRoutes} from './routes.ts';
import {checkByTwoPeers} from './self-check.ts';
import {SignalServer} from './signal-server.ts';

export interface SignalServiceOptions extends Omit<ExchangeOptions, 'protocol'> {
  /** @default 'signal' */
  name?: string;
  after?: readonly string[];
  /** `/quiver/<profile>`. */
  protocolPrefix: string;
  /** Address to listen on. */
  host: string;
  /** 0 for any free one. */
  port: number;
  /** HTTPS and WSS instead of HTTP and WS; read again when the files change. */
  tls?: CertificateFiles | undefined;
  /** How often the files of the certificate are looked at. @default 10000 */
  certificatePollMs?: number;
  /** URLs by which clients call this server where it can't see them itself: behind NAT or a proxy. */
  publicUrls?: readonly string[];
  /** Web pages that may come, by origin, besides those of our own names; `*` for all. @default none */
  origins?: readonly string[];
  /** CIDR blocks of proxies whose X-Forwarded-For counts. @default none */
  trustedProxies?: readonly string[];
  /** Shares rooms with the other servers of this Redis. @default rooms of this process alone */
  redisUrl?: string | undefined;
  /** How often a server says that it lives, and how long it is believed. @default every 5 s, for 15 s */
  busTiming?: {heartbeatMs: number; lifeMs: number};
}

interface Running {
  server: SignalServer;
  url: string;
  checkers: readonly [PrivateKey, PrivateKey];
  renewal: CertificateWatcher | undefined;
}

/** Rooms in which peers exchange what they need to connect: WebSocket, and HTTP post and poll, on one port. */
export class SignalService implements Service {
  readonly kind = 'network.signal';
  readonly name: string;
  readonly after: readonly string[];
  /** Shared with what serves the same rooms over libp2p. */
  readonly exchange: SignalExchange;
  readonly #options: SignalServiceOptions;
  #running: Running | undefined;
  #draining = false;

  constructor(options: SignalServiceOptions) {
    this.#options = options;
    this.name = options.name ?? 'signal';
    this.after = options.after ?? [];
    this.exchange = new SignalExchange({...options, protocol: signalProtocol(options.protocolPrefix)});
  }

  /** Errors: those of `explainListenError`, TLS_CERTIFICATE_BROKEN, and those of files. */
  async start({log, metrics, signal}: ServiceContext): Promise<void> {
    const {host, port, tls, origins = [], trustedProxies = []} = this.#options;
    const certificate = tls === undefined ? undefined : await loadCertificate(tls);
    const server = await SignalServer.create(this.exchange, {host, port, origins, trustedProxies, certificate}, log);
    const url = await server.listen();
    this.#callMe(url, certificate);
    const renewal =
      tls === undefined || certificate === undefined
        ? undefined
        : new CertificateWatcher(tls, certificate, {
            onChange: (renewed) => {
              server.setCertificate(renewed);
              this.#callMe(url, renewed);
              log.info({expiresAt: renewed.expiresAt.toISOString()}, 'the TLS certificate was replaced');
            },
            onFault: (error) =>
              log.warn({err: error}, 'the TLS certificate changed, but can not be used; the old one stays'),
            pollMs: this.#options.certificatePollMs,
          });
    const checkers = [await generateKeyPair('Ed25519'), await generateKeyPair('Ed25519')] as const;
    for (const key of checkers) this.exchange.allowOwn(peerFromKey(key.publicKey.raw));
    this.#running = {server, url, checkers, renewal};
    this.exchange.start(log, await this.#openBus(log));
    await registerSignalMetrics(metrics, this.exchange);
    if (signal.aborted) {
      await this.stop();
      signal.throwIfAborted();
    }
  }

  async drain(): Promise<void> {
    this.#draining = true;
    await this.exchange.drain();
  }

  async stop(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    await this.exchange.stop();
    if (running === undefined) return;
    running.renewal?.stop();
    await running.server.close();
  }

  info(): ServiceInfo {
    const url = this.#running?.url;
    const {hub, bus, protocol} = this.exchange;
    return {
      name: this.name,
      kind: this.kind,
      status: this.#status(),
      addresses: url === undefined ? [] : [url],
      publicAddresses: url === undefined ? [] : this.#publicUrls(url),
      protocol,
      metadata: {
        ...(url !== undefined && {websocket: `${url.replace('http', 'ws')}${SIGNAL_PATH}`}),
        rooms: hub.roomCount,
        connections: hub.sessions.size,
        shared: bus?.connected ?? false,
      },
    };
  }

  async health(signal: AbortSignal): Promise<Health> {
    const running = this.#running;
    if (running === undefined || this.#draining) {
      return {ok: false, checks: [{name: 'serving', ok: false, detail: 'it is being stopped'}]};
    }
    const meeting = await this.#checkMeeting(running, signal);
    return {ok: meeting.ok, checks: [meeting, ...this.#checkBus()]};
  }

  routes(): readonly Route[] {
    return signalRoutes(this.exchange);
  }

  #status(): ServiceInfo['status'] {
    if (this.#running === undefined) return 'stopped';
    if (this.#draining) return 'draining';
    return this.exchange.bus?.connected === false ? 'degraded' : 'ready';
  }

  /** What tokens may be made for. */
  #callMe(url: string, certificate: Certificate | undefined): void {
    const listening = {host: this.#options.host, port: Number(new URL(url).port)};
    for (const name of ownNames(listening, this.#options.publicUrls ?? [], certificate)) {
      this.exchange.audiences.add(name);
    }
  }

  #publicUrls(url: string): string[] {
    const {publicUrls = [], host} = this.#options;
    if (publicUrls.length > 0) return [...publicUrls];
    if (!isWildcard(host)) return [url];
    return callableAddresses().map((address) => withHost(url, address));
  }

  async #openBus(log: Logger): Promise<RoomBus | undefined> {
    const {redisUrl, busTiming} = this.#options;
    if (redisUrl === undefined) return undefined;
    const {RedisBus} = await import('./redis.ts');
    return RedisBus.open({url: redisUrl, protocol: this.exchange.protocol, hub: this.exchange.hub, log, ...busTiming});
  }

  /** Over the port as anybody would come, with peers that are made for it. */
  #checkMeeting({url, checkers}: Running, signal: AbortSignal): Promise<HealthCheck> {
    const own = withHost(url, dialable(this.#options.host));
    const {protocol} = this.exchange;
    const join = (room: string) => (peerKey: PrivateKey) =>
      joinByWebSocket({urls: [own], room, protocol, peerKey, signal, anyCertificate: true});
    return checkByTwoPeers((room) => checkers.map(join(room)), signal);
  }

  /** Without the others this server goes on alone: worth a look, and no reason to take it away too. */
  #checkBus(): HealthCheck[] {
    const {bus} = this.exchange;
    if (bus === undefined) return [];
    const fix = 'See whether Redis runs: redis-cli -u <url> ping';
    return [
      {name: 'redis', ok: bus.connected, ...(!bus.connected && {detail: 'rooms are those of this server alone', fix})},
    ];
  }
}

function withHost(text: string, host: string): string {
  const url = new URL(text);
  url.hostname = host.includes(':') ? `[${host}]` : host;
  return url.origin;
}
