import {limiterMemory} from '../stun/source-limiter.ts';
import type {Health, Service, ServiceContext, ServiceInfo, ServiceStatus} from '../service/service.ts';
import {ListeningServer} from './io/listening-server.ts';
import type {SocketSettings} from './io/listening-server.ts';
import {registerStunMetrics} from './metrics.ts';

export interface StunServiceOptions extends SocketSettings {
  /** Binding requests of one IPv4 address or IPv6 /64. */
  limits: {bindingsPerSecond: number; bindingBurst: number};
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
    this.#status = 'starting';
    const server = await ListeningServer.start(
      this.#options,
      {
        scheme: 'stun',
        core: {kind: 'stun', options: {...this.#options.limits, limiterMemory: limiterMemory()}},
        // Nobody gets to ask for an allocation.
        admit: () => 'total-quota',
        log,
      },
      signal,
    );
    this.#server = server;
    await registerStunMetrics(metrics, server);
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
