import {rm} from 'node:fs/promises';
import {join} from 'node:path';

import {CertificateWatcher, loadCertificate} from '../../core/certificate-file.ts';
import type {Certificate} from '../../core/certificate-file.ts';
import {interfaceAddresses, isWildcard} from '../../core/interface-addresses.ts';
import {pause} from '../../core/pause.ts';
import {createPrivateFile} from '../../core/private-file.ts';
import type {Logger} from '../../observability/logger.ts';
import {withDeadline} from '../../service/deadline.ts';
import type {Health, Service, ServiceContext, ServiceInfo, ServiceStatus} from '../../service/service.ts';
import type {TurnCredentials} from '../../stun/turn-dialog.ts';
import {issueCredential} from '../core/credentials.ts';
import {assertPortsFree, checkAddresses} from '../io/listen-errors.ts';
import {checkAllocate, checkBinding} from '../io/self-check.ts';
import type {ListenSettings} from '../io/listening-server.ts';
import type {BoundAddress} from '../io/server-options.ts';
import {boundUrls, publicUrls} from '../io/urls.ts';
import {turnserverConf} from './config-file.ts';
import {CoturnChild} from './coturn-child.ts';
import {countAllocations, registerCoturnMetrics, type CoturnSources} from './coturn-metrics.ts';
import type {CoturnOptions} from './coturn-options.ts';
import {findCoturn, type CoturnProgram} from './find-coturn.ts';
import {freePort} from './free-port.ts';
import {LogLines} from './log-lines.ts';
import {notStarted} from './not-started.ts';
import {openRunFolder} from './run-folder.ts';

/** It listens within a second, on a busy machine within several. */
const READY_TIMEOUT_MS = 20_000;
const READY_RETRY_MS = 100;
const FIRST_DELAY_MS = 500;
const DELAY_LIMIT_MS = 30_000;
/** Up for so long, it was not its start that failed. */
const STEADY_MS = 60_000;
const DRAIN_CHECK_MS = 250;
const SELF_CHECK_LIFETIME_MS = 60_000;

/**
 * A TURN server in which coturn does the work: written a hardened configuration, watched, started again when it ends,
 * and ended with this process.
 */
export class CoturnService implements Service {
  readonly name = 'turn';
  readonly kind = 'network.turn';
  readonly #options: CoturnOptions;
  readonly #stopping = new AbortController();
  #log: Logger | undefined;
  #status: ServiceStatus = 'stopped';
  #program: CoturnProgram | undefined;
  #child: CoturnChild | undefined;
  /** With the ports that were given where any would do. */
  #listen: ListenSettings;
  #folder: string | undefined;
  #certificate: Certificate | undefined;
  #watcher: CertificateWatcher | undefined;
  #metricsPort: number | undefined;
  #restarts = 0;
  #supervision: Promise<void> = Promise.resolve();

  constructor(options: CoturnOptions) {
    this.#options = options;
    this.#listen = options.listen;
  }

  /** Errors: COTURN_MISSING, COTURN_VULNERABLE, COTURN_SETTING, COTURN_START, PEER_BLOCK, and what our engines say of listeners. */
  async start({log, metrics, signal}: ServiceContext): Promise<void> {
    this.#log = log;
    this.#status = 'starting';
    const program = await findCoturn(this.#options, signal);
    this.#program = program;
    const {version} = program;
    if (program.vulnerable) log.warn({version}, 'this coturn has known holes (CVE-2026-27624 and later): replace it');
    this.#listen = await this.#openPorts();
    if (program.has('prometheus-address')) this.#metricsPort = await freePort('127.0.0.1');
    await this.#writeConfig(program);
    await registerCoturnMetrics(metrics, this.#sources());
    await this.#launch(program, signal);
    this.#status = 'ready';
    log.info({version, pid: this.#child?.pid}, 'coturn runs');
    this.#watcher = this.#watchCertificate();
    this.#supervision = this.#supervise(program);
  }

  /** Lets allocations end, without new ones where this coturn can do that; the host bounds how long. */
  async drain(): Promise<void> {
    this.#status = 'draining';
    this.#stopping.abort();
    const child = this.#child;
    if (child === undefined) return;
    if (this.#program?.has('drain-min-allocations') === true) child.signal('SIGUSR1');
    // It ends by itself seconds after the last of them; waiting for that would be for nothing.
    while (!child.hasEnded && (await countAllocations(this.#sources())) > 0) await pause(DRAIN_CHECK_MS);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#watcher?.stop();
    await this.#child?.stop();
    await this.#supervision;
    if (this.#folder !== undefined) await rm(this.#folder, {recursive: true, force: true});
    this.#status = 'stopped';
  }

  info(): ServiceInfo {
    const {realm, relay} = this.#options;
    return {
      name: this.name,
      kind: this.kind,
      status: this.#status,
      addresses: boundUrls('turn', this.#bound()),
      publicAddresses: this.#publicUrls(),
      protocol: 'turn',
      metadata: {
        realm,
        engine: 'coturn',
        version: this.#program?.version ?? null,
        relayPorts: relay.ports.join('-'),
        restarts: this.#restarts,
      },
    };
  }

  /** A STUN binding and an allocation, as a client would ask for them. */
  async health(signal: AbortSignal): Promise<Health> {
    try {
      return {ok: true, checks: [{name: 'allocate', ok: true, detail: await this.#check(signal)}]};
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      return {
        ok: false,
        checks: [{name: 'allocate', ok: false, detail, fix: 'Look at what coturn logs: --log-level debug'}],
      };
    }
  }

  /** coturn shares a port with another coturn, and waits for an address to appear, without a word. */
  async #openPorts(): Promise<ListenSettings> {
    const {listen, relay} = this.#options;
    await checkAddresses(listen.hosts, relay);
    const [host = '127.0.0.1'] = listen.hosts;
    const port = listen.port === 0 ? await freePort(host) : listen.port;
    const tls = listen.tls && {...listen.tls, port: listen.tls.port === 0 ? await freePort(host) : listen.tls.port};
    const certificate = tls && (await loadCertificate(tls));
    this.#certificate = certificate;
    await assertPortsFree('turn', {
      hosts: listen.hosts,
      port,
      tcp: listen.tcp,
      reusePort: false,
      ...(tls !== undefined && certificate !== undefined && {tls: {port: tls.port, certificate}}),
    });
    return {...listen, port, tls};
  }

  async #writeConfig(program: CoturnProgram): Promise<void> {
    const settings = {
      ...this.#options,
      listen: this.#listen,
      metricsPort: this.#metricsPort,
      interfaceAddresses: interfaceAddresses(),
    };
    const folder = await openRunFolder(this.#options.folder);
    this.#folder = folder;
    await createPrivateFile(this.#configFile, turnserverConf({...settings, folder}, program));
  }

  /** Starts it, and resolves once it works; ends it again when it does not in time. */
  async #launch(program: CoturnProgram, signal: AbortSignal): Promise<void> {
    const log = this.#log;
    if (log === undefined) throw new Error('not started');
    const {secrets, users} = this.#options;
    const lines = new LogLines(log, [...secrets, ...users.values()]);
    const child = await CoturnChild.start(program.path, this.#configFile, (text) => lines.push(text));
    this.#child = child;
    const ended = new AbortController();
    void child.ended.then((how) => ended.abort(new Error(how)));
    try {
      await withDeadline(
        (inner) => this.#untilReady(AbortSignal.any([inner, ended.signal])),
        READY_TIMEOUT_MS,
        () => new Error(`it did not answer within ${READY_TIMEOUT_MS / 1_000} s`),
        AbortSignal.any([signal, ended.signal]),
      );
    } catch (error) {
      await child.stop();
      throw signal.aborted ? signal.reason : notStarted(error, lines.complaints);
    }
  }

  async #untilReady(signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted();
      const attempt = AbortSignal.any([signal, AbortSignal.timeout(READY_RETRY_MS * 10)]);
      const works = await this.#check(attempt).then(
        () => true,
        () => false,
      );
      if (works) return;
      await pause(READY_RETRY_MS, signal);
    }
  }

  async #check(signal: AbortSignal): Promise<string> {
    const [at] = this.#bound();
    if (at === undefined) throw new Error('it listens nowhere');
    await checkBinding(at, signal);
    const family = this.#options.relay.addresses[0]?.address.includes(':') === true ? 6 : 4;
    return checkAllocate(at, family, this.#login(), signal);
  }

  #bound(): BoundAddress[] {
    const {hosts, port, tcp, tls} = this.#listen;
    return hosts.flatMap((address): BoundAddress[] => [
      {transport: 'udp', address, port},
      ...(tcp ? [{transport: 'tcp' as const, address, port}] : []),
      ...(tls === undefined ? [] : [{transport: 'tls' as const, address, port: tls.port}]),
    ]);
  }

  #publicUrls(): string[] {
    const {publicAddresses = []} = this.#listen;
    if (publicAddresses.length > 0) return publicUrls('turn', publicAddresses, this.#bound());
    return boundUrls(
      'turn',
      this.#bound().filter(({address}) => !isWildcard(address)),
    );
  }

  #login(): TurnCredentials {
    const {secrets, users} = this.#options;
    const [secret] = secrets;
    if (secret !== undefined) {
      const options = {user: 'quiver-self-check', secret, lifetimeMs: SELF_CHECK_LIFETIME_MS, nowMs: Date.now()};
      return issueCredential(options);
    }
    const [username = '', credential = ''] = users.entries().next().value ?? [];
    return {username, credential};
  }

  #sources(): CoturnSources {
    return {
      metricsPort: this.#metricsPort,
      pid: () => (this.#child?.hasEnded === false ? this.#child.pid : undefined),
      relayPorts: this.#options.relay.ports,
      workers: () => ({alive: this.#child?.hasEnded === false ? 1 : 0, restarts: this.#restarts}),
    };
  }

  /** Starts it again whenever it ends, later and later while it does not stay. */
  async #supervise(program: CoturnProgram): Promise<void> {
    const {signal} = this.#stopping;
    let delayMs = FIRST_DELAY_MS;
    let upSinceMs = performance.now();
    for (;;) {
      const how = await this.#child?.ended;
      if (signal.aborted) return;
      if (performance.now() - upSinceMs > STEADY_MS) delayMs = FIRST_DELAY_MS;
      this.#status = 'degraded';
      this.#log?.error({delayMs}, `coturn is gone: ${how}; all its allocations are lost; starting it again`);
      await pause(delayMs, signal);
      if (signal.aborted) return;
      delayMs = Math.min(delayMs * 2, DELAY_LIMIT_MS);
      this.#restarts += 1;
      upSinceMs = performance.now();
      try {
        await this.#launch(program, signal);
        this.#status = 'ready';
      } catch (error) {
        if (!signal.aborted) this.#log?.error({err: error}, 'coturn could not be started again');
      }
    }
  }

  /** coturn reads certificate and key anew when it is told to. */
  #watchCertificate(): CertificateWatcher | undefined {
    const {certificatePollMs: pollMs} = this.#options;
    const {tls} = this.#listen;
    if (tls === undefined || this.#certificate === undefined) return undefined;
    return new CertificateWatcher(tls, this.#certificate, {
      onChange: () => {
        this.#log?.info('the TLS certificate has changed; coturn reads it anew');
        this.#child?.signal('SIGUSR2');
      },
      onFault: (error) => this.#log?.warn({err: error}, 'the TLS certificate changed, but can not be used'),
      pollMs,
    });
  }

  get #configFile(): string {
    return join(this.#folder ?? '', 'turnserver.conf');
  }
}
