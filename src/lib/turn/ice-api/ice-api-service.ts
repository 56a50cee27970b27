import {EXIT, QuiverError} from '../../core/errors.ts';
import type {Logger} from '../../observability/logger.ts';
import type {Health, Route, Service, ServiceContext, ServiceInfo, ServiceStatus} from '../../service/service.ts';
import {parseIceUrl} from '../../stun/ice-server.ts';
import {MAX_CREDENTIAL_LIFETIME_MS, type CredentialAlgorithm} from '../core/credentials.ts';
import {isLoopback} from './access.ts';
import {IceHandler, type IceAccess} from './ice-handler.ts';
import {IceListener} from './ice-listener.ts';
import {iceServers, isTurn, ownUrls, type IceServersAnswer} from './ice-servers.ts';
import {registerIceMetrics} from './metrics.ts';
import {readUser} from './user.ts';

/** A browser asks once for a call, a home of many people a few times a minute. */
const LIMIT = {perSecond: 5, burst: 60};
const PROTOCOL = '/api/v1/turn/ice-servers';

export interface IceApiOptions extends Partial<IceAccess> {
  /** @default '127.0.0.1' */
  host?: string;
  /** 0 for any free one; undefined for none of its own, where another server mounts `handler`. */
  port?: number | undefined;
  /** Shared with the TURN servers, current one first; asked at each request. Empty: only STUN servers are listed. */
  secrets: () => readonly string[];
  /** Of our STUN and TURN servers; where none are given, those of the services of this process. */
  urls?: readonly string[];
  /** Other people's STUN servers, listed last. @default none */
  publicFallback?: readonly string[];
  /** Of credentials, at most 24 h. @default 3_600_000 */
  lifetimeMs?: number;
  /** @default 'sha1' */
  algorithm?: CredentialAlgorithm;
  /** Names of the STUN and TURN services of this process, whose addresses it lists. */
  after?: readonly string[];
}

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

  /** Errors: ICE_API_OPEN, ICE_URL, ICE_LIFETIME. */
  constructor(options: IceApiOptions) {
    this.#options = options;
    this.after = options.after ?? [];
    this.#host = options.host ?? '127.0.0.1';
    this.#lifetimeMs = options.lifetimeMs ?? 3_600_000;
    validate(options, this.#host, this.#lifetimeMs);
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
      this.#listener = new IceListener(handler, log);
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
        handle: ({query}) => ({json: this.#answer(readUser(query))}),
      },
    ];
  }

  #createHandler(log: Logger): IceHandler {
    const {corsOrigins = [], token, publicIce = false, limit = LIMIT, proxies = []} = this.#options;
    const access = {corsOrigins, token, publicIce, limit, proxies};
    return new IceHandler({access, log, answer: (user) => this.#answer(user)});
  }

  #answer(user: string): IceServersAnswer {
    const {secrets, publicFallback = [], algorithm} = this.#options;
    const answer = iceServers({
      user,
      secret: secrets()[0],
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

function validate(options: IceApiOptions, host: string, lifetimeMs: number): void {
  const {token, publicIce = false, port, urls = [], publicFallback = []} = options;
  if (port !== undefined && !isLoopback(host) && token === undefined && !publicIce) throw open(host);
  const broken =
    urls.find((url) => parseIceUrl(url) === undefined) ??
    publicFallback.find((url) => parseIceUrl(url) === undefined || isTurn(url));
  if (broken !== undefined) throw wrongUrl(broken);
  if (!(lifetimeMs >= 1_000 && lifetimeMs <= MAX_CREDENTIAL_LIFETIME_MS)) throw wrongLifetime();
}

function open(host: string): QuiverError {
  return new QuiverError({
    code: 'ICE_API_OPEN',
    message: `On ${host} the ICE servers API would give TURN credentials to everyone`,
    fix: 'Give it a token: (umask 077 && openssl rand -hex 32 > ice.token), then --ice-token-file ice.token; or say that everyone may have them: --public-ice',
    exit: EXIT.refused,
  });
}

function wrongUrl(url: string): QuiverError {
  return new QuiverError({
    code: 'ICE_URL',
    message: `${JSON.stringify(url)} is no URL of a STUN or TURN server that can be listed here`,
    fix: 'Write stun:stun.example:3478 or turn:turn.example:3478?transport=udp; only STUN as a public fallback.',
    exit: EXIT.usage,
  });
}

function wrongLifetime(): QuiverError {
  return new QuiverError({
    code: 'ICE_LIFETIME',
    message: 'A TURN credential lives between one second and 24 hours',
    fix: 'Choose a time in between, such as 1h.',
    exit: EXIT.usage,
  });
}

function noServers(): QuiverError {
  return new QuiverError({
    code: 'ICE_NO_SERVERS',
    message: 'There is no STUN or TURN server to list',
    fix: 'Run one beside it: quiver run turn ice-api; or name yours in turn.ice_api.urls',
  });
}
