import {isIP} from 'node:net';

import {CertificateWatcher, loadCertificate} from '../../core/certificate-file.ts';
import type {CertificateFiles, LoadedCertificate} from '../../core/certificate-file.ts';
import {isWildcard} from '../../core/interface-addresses.ts';
import type {Logger} from '../../observability/logger.ts';
import type {Health, HealthCheck} from '../../service/service.ts';
import type {TurnCredentials} from '../../stun/turn-dialog.ts';
import type {Lease, Refusal} from '../core/io.ts';
import type {MetricsSource} from '../metrics.ts';
import type {EngineName} from './engine.ts';
import {assertPortsFree, canBind, checkAddresses, explainListener} from './listen-errors.ts';
import {checkAllocate, checkBinding} from './self-check.ts';
import type {BoundAddress, RelayRange, ServerListen, ServerOptions, ServerStats} from './server-options.ts';
import {STREAM_LIMITS} from './stream/stream-options.ts';
import type {StreamLimits} from './stream/stream-options.ts';
import {boundUrls, publicUrls} from './urls.ts';
import {WorkerPool} from './workers/worker-pool.ts';

/** Holds what comes while the thread is busy for 10 ms at 100,000 packets a second; the kernel may give less. */
const LISTENER_BUFFER_BYTES = 4 * 1024 * 1024;
/** The kernel's own default, which is what a stream of video needs. */
const RELAY_BUFFER_BYTES = 0;
const DAY_MS = 24 * 60 * 60_000;
/** ACME clients renew a month before; later than this something is wrong. */
const EXPIRES_SOON_MS = 7 * DAY_MS;

export interface ListenSettings {
  /** IP addresses of this machine, or wildcards; `0.0.0.0` and `::` are two. */
  hosts: readonly string[];
  /** UDP and TCP; 0 takes a free one. */
  port: number;
  tcp: boolean;
  tls?: (CertificateFiles & {port: number}) | undefined;
  /** A second UDP port on two hosts of a family: answers RFC 5780, how a client's NAT behaves. */
  alternatePort?: number | undefined;
  /** Names or addresses that others know this machine by. @default the hosts, unless wildcards */
  publicAddresses?: readonly string[] | undefined;
}

/** What STUN and TURN servers are told alike. */
export interface SocketSettings {
  listen: ListenSettings;
  /** @default 'dgram' */
  engine?: EngineName;
  /** Whether the batch engine may hand the kernel many datagrams as one (UDP_SEGMENT). @default true */
  segmentation?: boolean;
  /** Threads that share the ports. @default 1 */
  workers?: number;
  streams?: Partial<StreamLimits>;
  /** How often the certificate's files are looked at. @default 10000 */
  certificatePollMs?: number;
}

/** What makes it one of the two. */
export interface ListeningServerOptions {
  scheme: 'stun' | 'turn';
  core: ServerOptions['core'];
  admit: (user: string) => Lease | Refusal;
  log: Logger;
}

/** What a STUN and a TURN service have in common: workers, certificate, addresses, health. */
export class ListeningServer implements MetricsSource {
  readonly #settings: SocketSettings;
  readonly #options: ListeningServerOptions;
  readonly #pool: WorkerPool;
  readonly #watcher: CertificateWatcher | undefined;
  #certificateExpiresAt: Date | undefined;

  private constructor(
    settings: SocketSettings,
    options: ListeningServerOptions,
    listen: ServerListen,
    certificate?: LoadedCertificate,
  ) {
    const {engine = 'dgram', segmentation = true, workers = 1, streams} = settings;
    const {core, admit, log} = options;
    this.#settings = settings;
    this.#options = options;
    this.#certificateExpiresAt = certificate?.expiresAt;
    const limits = {...STREAM_LIMITS, ...streams};
    this.#pool = new WorkerPool({
      count: workers,
      server: {
        listen,
        core,
        engine,
        segmentation,
        streams: {...limits, connections: Math.ceil(limits.connections / workers)},
        buffers: {listenerBytes: LISTENER_BUFFER_BYTES, relayBytes: RELAY_BUFFER_BYTES},
      },
      admit,
      log: (level, message, fields) => log[level](fields, message),
    });
    if (settings.listen.tls !== undefined && certificate !== undefined) {
      this.#watcher = this.#watch(settings.listen.tls, certificate);
    }
  }

  /** Rejects with a QuiverError that names the flag to change, having closed everything. */
  static async start(
    settings: SocketSettings,
    options: ListeningServerOptions,
    signal: AbortSignal,
  ): Promise<ListeningServer> {
    const {tls, publicAddresses = [], ...rest} = settings.listen;
    await checkAddresses(rest.hosts, relayOf(options.core));
    const hosts = await usableHosts(rest.hosts, options.log);
    const certificate = tls === undefined ? undefined : await loadCertificate(tls);
    const listen: ServerListen = {
      hosts,
      port: rest.port,
      tcp: rest.tcp,
      ...(rest.alternatePort !== undefined && {alternatePort: rest.alternatePort}),
      ...(areFamiliesOf(hosts, publicAddresses) && {publicAddresses}),
      ...(tls !== undefined && certificate !== undefined && {tls: {port: tls.port, certificate}}),
      reusePort: (settings.workers ?? 1) > 1,
    };
    const server = new ListeningServer(settings, options, listen, certificate);
    const stop = (): void => void server.stop();
    signal.addEventListener('abort', stop, {once: true});
    try {
      if (listen.reusePort) await assertPortsFree(options.scheme, listen);
      await server.#pool.start();
      signal.throwIfAborted();
      return server;
    } catch (error) {
      await server.stop();
      throw await explainListener(error, options.scheme, listen);
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  get bound(): readonly BoundAddress[] {
    return this.#pool.bound;
  }

  get engine(): EngineName {
    return this.#pool.engine;
  }

  get certificateExpiresAt(): Date | undefined {
    return this.#certificateExpiresAt;
  }

  get addresses(): string[] {
    return [...new Set(boundUrls(this.#options.scheme, this.bound))];
  }

  get publicAddresses(): string[] {
    const {hosts, publicAddresses} = this.#settings.listen;
    if (publicAddresses !== undefined && publicAddresses.length > 0) {
      return [...new Set(publicUrls(this.#options.scheme, publicAddresses, this.bound))];
    }
    const specific = this.bound.filter(({address}) => hosts.includes(address) && !isWildcard(address));
    return [...new Set(boundUrls(this.#options.scheme, specific))];
  }

  setSecrets(secrets: readonly string[]): void {
    this.#pool.setSecrets(secrets);
  }

  stats(): Promise<ServerStats> {
    return this.#pool.stats();
  }

  workers(): {alive: number; restarts: number} {
    return {alive: this.#pool.handles.length, restarts: this.#pool.restarts};
  }

  drain(): void {
    this.#pool.drain();
  }

  async stop(): Promise<void> {
    this.#watcher?.stop();
    await this.#pool.stop();
  }

  /** A Binding over every listener, an answer of every worker and, with a login, an allocation made and given back. */
  async health(signal: AbortSignal, login?: TurnCredentials): Promise<Health> {
    const checks: Promise<HealthCheck>[] = this.bound.map((at) =>
      check(nameOf('binding', at), async () => {
        await checkBinding(at, signal);
        return undefined;
      }),
    );
    checks.push(check('workers', () => this.#checkWorkers()));
    const expiresAt = this.#certificateExpiresAt;
    if (expiresAt !== undefined) checks.push(check('certificate', async () => checkExpiry(expiresAt)));
    const families = new Set(
      relayOf(this.#options.core)?.addresses.map(({address}) => (address.includes(':') ? 6 : 4)),
    );
    const [first] = this.bound;
    if (login !== undefined && first !== undefined) {
      for (const family of families) {
        checks.push(check(`allocate IPv${family}`, () => checkAllocate(first, family, login, signal)));
      }
    }
    const done = await Promise.all(checks);
    return {ok: done.every(({ok}) => ok), checks: done};
  }

  async #checkWorkers(): Promise<string> {
    const {handles} = this.#pool;
    const answers = await Promise.all(handles.map((handle) => handle.stats()));
    const alive = answers.filter((stats) => stats !== undefined).length;
    const {workers = 1} = this.#settings;
    if (alive < workers) throw new Error(`${alive} of ${workers} answer`);
    return `${alive} of ${workers}`;
  }

  #watch(files: CertificateFiles, current: LoadedCertificate): CertificateWatcher {
    const {log} = this.#options;
    return new CertificateWatcher(files, current, {
      onChange: (certificate) => {
        this.#certificateExpiresAt = certificate.expiresAt;
        this.#pool.setCertificate({cert: certificate.cert, key: certificate.key});
        log.info({expiresAt: certificate.expiresAt.toISOString()}, 'the TLS certificate was replaced');
      },
      onFault: (error) => log.warn({err: error}, 'the TLS certificate changed, but can not be used; the old one stays'),
      pollMs: this.#settings.certificatePollMs,
    });
  }
}

/** Every address but the IPv6 wildcard has to be had; that one is left out where there is no IPv6. */
async function usableHosts(hosts: readonly string[], log: Logger): Promise<readonly string[]> {
  if (hosts.length === 1 || !hosts.includes('::') || (await canBind('::'))) return hosts;
  log.info('this machine has no IPv6: only IPv4 is listened on');
  return hosts.filter((host) => host !== '::');
}

/** Whether each is the address of the host in its place, by family: then they are told in answers (RFC 5780). */
function areFamiliesOf(hosts: readonly string[], addresses: readonly string[]): boolean {
  return hosts.length === addresses.length && hosts.every((host, index) => isIP(host) === isIP(addresses[index] ?? ''));
}

function relayOf(core: ServerOptions['core']): RelayRange | undefined {
  return core.kind === 'turn' ? core.relay : undefined;
}

function nameOf(what: string, {transport, address, port}: BoundAddress): string {
  return `${what} ${transport} ${address.includes(':') ? `[${address}]` : address}:${port}`;
}

async function check(name: string, run: () => Promise<string | undefined>): Promise<HealthCheck> {
  try {
    const detail = await run();
    return {name, ok: true, ...(detail !== undefined && {detail})};
  } catch (error) {
    return {name, ok: false, detail: error instanceof Error ? error.message : String(error)};
  }
}

/** One that is over breaks every new connection; one that is nearly over is said while there is time. */
function checkExpiry(expiresAt: Date): string {
  const leftMs = expiresAt.getTime() - Date.now();
  if (leftMs <= 0) throw new Error(`the TLS certificate was valid until ${expiresAt.toISOString()}`);
  const until = `valid until ${expiresAt.toISOString()}`;
  return leftMs < EXPIRES_SOON_MS ? `${until}: renew it` : until;
}
