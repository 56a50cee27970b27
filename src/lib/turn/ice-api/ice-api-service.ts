import {QuiverError} from '../../core/errors.ts';
import type {Logger} from '../../observability/logger.ts';
import type {Health, Route, Service, ServiceContext, ServiceInfo, ServiceStatus} from '../../service/service.ts';
import {CREDENTIAL_LIFETIME_MS} from '../core/credentials.ts';
import {checkIceApiOptions, ICE_API_HOST, ICE_API_LIMIT, type IceApiOptions} from './ice-api-options.ts';
import {IceHandler} from './ice-handler.ts';
import {IceListener} from './ice-listener.ts';
import {iceServers, ownUrls, type IceServersAnswer} from './ice-servers.ts';
import {registerIceMetrics} from './metrics.ts';
import {readUser} from './user.ts';

const PROTOCOL = '/api/v1/turn/ice-servers';

export type {IceApiOptions} from './ice-api-options.ts';

/** Hands out the list of our STUN and TURN servers with time-limited credentials, over HTTP. */
export class IceApiService implements Service {
  readonly name = 'ice-api';
  readonly kind = 'network.ice-api';
  readonly after: readonly string[];
  readonly #options: IceApiOptions;
  readonly #host: string;
  readonly #lifetimeMs: number;
  #status: ServiceStatus = 'stopped';
  #context: ServiceContext | undefined;
  #handler: IceHandler | undefined;
  #listener: IceListener | undefined;
  #url: string | undefined;
  #issued = 0;

  /** Errors: ICE_API_OPEN, ICE_API_SETTING. */
  constructor(options: IceApiOptions) {
    this.#options = options;
    this.after = options.after ?? [];
    this.#host = options.host ?? ICE_API_HOST;
    this.#lifetimeMs = options.lifetimeMs ?? CREDENTIAL_LIFETIME_MS;
    checkIceApiOptions(options);
  }

  /** For other HTTP servers of this process, once it has started. */
  get handler(): IceHandler | undefined {
    return this.#handler;
  }

  async start(context: ServiceContext): Promise<void> {
    const {log, metrics, signal} = context;
    this.#status = 'starting';
    this.#context = context;
    const handler = this.#createHandler(log);
    this.#handler = handler;
    await registerIceMetrics(metrics, {handler, issued: () => this.#issued});
    const {port} = this.#options;
    if (port !== undefined) {
      this.#listener = new IceListener(handler, this.#options.proxies ?? [], log);
      this.#url = await this.#listener.listen(this.#host, port);
      signal.throwIfAborted();
    }
    this.#status = 'ready';
  }

  async stop(): Promise<void> {
    await this.#listener?.close();
    this.#listener = undefined;
    this.#status = 'stopped';
  }

  info(): ServiceInfo {
    const addresses = this.#url === undefined ? [] : [`${this.#url}${PROTOCOL}`];
    return {
      name: this.name,
      kind: this.kind,
      status: this.#status,
      addresses,
      publicAddresses: [],
      protocol: 'http',
      metadata: {credentialLifetimeMs: this.#lifetimeMs, servers: this.#urls()},
    };
  }

  /** Whether there are servers to list, and whether the port answers. */
  async health(signal: AbortSignal): Promise<Health> {
    const urls = this.#urls();
    const list = {name: 'servers', ok: urls.length > 0, detail: `${urls.length} URLs`, fix: noServers().fix};
    if (this.#url === undefined) return {ok: list.ok, checks: [list]};
    const answers = await fetch(new URL('/healthz', this.#url.replace(/0\.0\.0\.0|\[::\]/, 'localhost')), {
      signal,
    }).then(
      async (response) => response.ok && (await response.json()) !== null,
      () => false,
    );
    return {ok: list.ok && answers, checks: [list, {name: 'http', ok: answers, detail: this.#url}]};
  }

  routes(): readonly Route[] {
    return [
      {
        method: 'GET',
        path: '/ice/servers',
        access: 'control',
        handle: ({query}) => ({json: this.answer(readUser(query))}),
      },
    ];
  }

  #createHandler(log: Logger): IceHandler {
    const {corsOrigins = [], token, publicIce = false, limit = ICE_API_LIMIT, proxies = []} = this.#options;
    const access = {corsOrigins, token, publicIce, limit, proxies};
    return new IceHandler({access, log, answer: (user) => this.answer(user)});
  }

  /**
   * The list for a user, with a fresh credential; without TURN servers for whoever may not have one.
   * Throws ICE_NO_SERVERS while there is none.
   */
  answer(user: string, mayRelay = true): IceServersAnswer {
    const {secrets, publicFallback = [], algorithm} = this.#options;
    const answer = iceServers({
      user,
      secret: mayRelay ? secrets()[0] : undefined,
      urls: this.#urls(),
      publicFallback,
      lifetimeMs: this.#lifetimeMs,
      nowMs: Date.now(),
      ...(algorithm !== undefined && {algorithm}),
    });
    if (answer.ice_servers.length === 0) throw noServers();
    if (answer.ice_servers.some(({credential}) => credential !== undefined)) this.#issued += 1;
    return answer;
  }

  /** Read anew each time, since a service that was restarted may have moved. */
  #urls(): readonly string[] {
    const {urls = []} = this.#options;
    if (urls.length > 0) return urls;
    return ownUrls(this.#context?.find('network.stun')?.info(), this.#context?.find('network.turn')?.info());
  }
}

function noServers(): QuiverError {
  return new QuiverError({
    code: 'ICE_NO_SERVERS',
    message: 'There is no STUN or TURN server to list',
    fix: 'Start one here: quiver turn start; say its public address: --public-ip ADDRESS; or name yours: turn.ice_api.urls',
  });
}
