import {limiterMemory} from '../stun/source-limiter.ts';
import type {Health, Service, ServiceContext, ServiceInfo, ServiceStatus} from '../service/service.ts';
import type {EngineName} from './io/engine.ts';
import {ListeningServer} from './io/listening-server.ts';
import type {ListenSettings} from './io/listening-server.ts';
import type {StreamLimits} from './io/stream/stream-options.ts';
import {registerStunMetrics} from './metrics.ts';

export interface StunServiceOptions {
  listen: ListenSettings;
  /** Binding requests of one IPv4 address or IPv6 /64. */
  limits: {bindingsPerSecond: number; bindingBurst: number};
  /** @default 'dgram' */
  engine?: EngineName;
  /** Whether the batch engine may hand the kernel many datagrams as one (UDP_SEGMENT). @default true */
  segmentation?: boolean;
  /** Threads that share the ports. @default 1 */
  workers?: number;
  streams?: Partial<StreamLimits>;
  certificatePollMs?: number;
}

/**
 * A STUN server for clients that want to know their own address (RFC 8489), and with two addresses and an alternate
 * port how their NAT behaves (RFC 5780). It runs on threads of its own: neither does a flood hold up what else the
 * process does, nor the other way round.
 */
export class StunService implements Service {
  readonly kind = 'network.stun';
  readonly name = 'stun';
  readonly #options: StunServiceOptions;
  #status: ServiceStatus = 'stopped';
  #server: ListeningServer | undefined;

  constructor(options: StunServiceOptions) {
    this.#options = options;
  }

  async start({signal, log, metrics}: ServiceContext): Promise<void> {
    const {listen, limits, engine = 'dgram', segmentation, workers = 1, streams, certificatePollMs} = this.#options;
    this.#status = 'starting';
    const server = await ListeningServer.start(
      {
        scheme: 'stun',
        listen,
        core: {kind: 'stun', options: {...limits, limiterMemory: limiterMemory()}},
        engine,
        segmentation,
        workers,
        streams,
        certificatePollMs,
        // Nobody gets to ask for an allocation.
        admit: () => 'total-quota',
        log,
      },
      signal,
    );
    this.#server = server;
    await registerStunMetrics(metrics, {
      stats: () => server.stats(),
      workers: () => ({alive: server.pool.handles.length, restarts: server.pool.restarts}),
    });
    this.#status = 'ready';
  }

  async stop(): Promise<void> {
    await this.#server?.stop();
    this.#server = undefined;
    this.#status = 'stopped';
  }

  info(): ServiceInfo {
    const server = this.#server;
    return {
      name: this.name,
      kind: this.kind,
      status: this.#status,
      addresses: server?.addresses ?? [],
      publicAddresses: server?.publicAddresses ?? [],
      protocol: 'stun',
      metadata: {engine: server?.engine ?? null, workers: this.#options.workers ?? 1},
    };
  }

  async health(signal: AbortSignal): Promise<Health> {
    if (this.#server === undefined) return {ok: false, checks: [{name: 'stun', ok: false, detail: this.#status}]};
    return this.#server.health(signal);
  }
}
