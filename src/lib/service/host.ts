import {QuiverError} from '../core/errors.ts';
import type {Logger} from '../observability/logger.ts';
import {createMetrics, type Metrics} from '../observability/metrics.ts';
import {listenOnTcp, type AdminAddress} from './admin-server.ts';
import {listenOnSocket} from './control-socket.ts';
import {HealthMonitor, waitUntilHealthy} from './health.ts';
import {registerHostMetrics} from './host-metrics.ts';
import {HttpFace} from './http-face.ts';
import {ownRoutes} from './own-routes.ts';
import {RouteTable, type Access} from './routes.ts';
import {removeRunFile, writeRunFile} from './run-file.ts';
import {ServiceRunner} from './runner.ts';
import type {Service, ServiceInfo} from './service.ts';

/** Loading a model from a slow disk is the longest honest start. */
const START_DEADLINE_MS = 60_000;
/** Closing sockets takes milliseconds; this is for a peer that does not let go. */
const STOP_DEADLINE_MS = 10_000;
/** Most answers under way end within it, and service managers wait 10 to 90 s before they kill. */
const GRACE_MS = 8_000;

export type HostStatus = 'idle' | 'starting' | 'ready' | 'draining' | 'stopped';

export interface HostOptions {
  services: readonly Service[];
  log: Logger;
  /** Name of the network profile. */
  profile: string;
  version: string;
  /** Where the admin server listens; without it there is none. */
  admin?: AdminAddress | undefined;
  /** Path of the control socket; without it there is none. */
  socketPath?: string | undefined;
  /** Path of the run file; without it none is written. */
  runFile?: string | undefined;
  /** How long work under way may go on when the host stops. @default 8_000 */
  graceMs?: number;
  /** For each service. @default 60_000 */
  startDeadlineMs?: number;
  /** For each service. @default 10_000 */
  stopDeadlineMs?: number;
  onProgress?: (service: Service, phase: 'starting' | 'started') => void;
}

/** What `GET /info` says. */
export interface HostInfo {
  profile: string;
  version: string;
  pid: number;
  /** ISO 8601. */
  startedAt: string;
  status: HostStatus;
  admin?: string;
  socket?: string;
  services: ServiceInfo[];
}

export interface Host {
  readonly services: readonly Service[];
  /**
   * Resolves once every service has passed its self-check; otherwise stops what it started and rejects with an error
   * that names the service. An abort, or `stop()` meanwhile, ends it with START_ABORTED.
   */
  start(signal?: AbortSignal): Promise<HostInfo>;
  /** Drains, then stops everything; the same promise however often it is called. Rejects when a service hung. */
  stop(): Promise<void>;
  info(): HostInfo;
  /** Aborted when stopping begins, for whatever reason. */
  readonly stopping: AbortSignal;
  /** Settles like `stop()`, once everything has ended. */
  readonly stopped: Promise<void>;
}

/** Runs services together in this process, with an admin server and a control socket for them. */
export function createHost(options: HostOptions): Host {
  return new ServiceHost(options);
}

class ServiceHost implements Host {
  readonly services: readonly Service[];
  readonly #options: HostOptions;
  readonly #runner: ServiceRunner;
  readonly #routes: RouteTable;
  readonly #stopping = new AbortController();
  readonly #handlers = new AbortController();
  readonly #stopped = Promise.withResolvers<void>();
  readonly #startedAt = new Date();
  readonly #faces: HttpFace[] = [];
  #status: HostStatus = 'idle';
  #metrics: Metrics | undefined;
  #admin: string | undefined;
  #wroteRunFile = false;
  #starting: Promise<unknown> | undefined;
  #stop: Promise<void> | undefined;

  constructor(options: HostOptions) {
    this.#options = options;
    const health = new HealthMonitor(options.services);
    const stop = (): void => void this.stop().catch(() => undefined);
    this.#routes = new RouteTable(ownRoutes({info: () => this.info(), health, metrics: () => this.#metrics, stop}));
    this.#runner = new ServiceRunner({
      services: options.services,
      log: options.log,
      routes: this.#routes,
      startDeadlineMs: options.startDeadlineMs ?? START_DEADLINE_MS,
      stopDeadlineMs: options.stopDeadlineMs ?? STOP_DEADLINE_MS,
      stopping: this.#handlers.signal,
      onProgress: options.onProgress ?? (() => undefined),
    });
    this.services = this.#runner.ordered;
    // Whoever calls stop() hears of a failure there; nobody has to listen here.
    this.#stopped.promise.catch(() => undefined);
  }

  get stopping(): AbortSignal {
    return this.#stopping.signal;
  }

  get stopped(): Promise<void> {
    return this.#stopped.promise;
  }

  async start(signal?: AbortSignal): Promise<HostInfo> {
    if (this.#status !== 'idle') throw new Error('a host starts once');
    this.#status = 'starting';
    const either = signal === undefined ? this.stopping : AbortSignal.any([signal, this.stopping]);
    const start = this.#startAll(either);
    this.#starting = start.catch(() => undefined);
    try {
      await start;
    } catch (error) {
      const reason = either.aborted ? startAborted(error) : error;
      await this.stop().catch(() => undefined);
      throw reason;
    }
    return this.info();
  }

  stop(): Promise<void> {
    this.#stop ??= this.#stopAll();
    return this.#stop;
  }

  info(): HostInfo {
    const {profile, version, socketPath} = this.#options;
    return {
      profile,
      version,
      pid: process.pid,
      startedAt: this.#startedAt.toISOString(),
      status: this.#status,
      ...(this.#admin !== undefined && {admin: this.#admin}),
      ...(socketPath !== undefined && {socket: socketPath}),
      services: this.services.map(describe),
    };
  }

  async #startAll(signal: AbortSignal): Promise<void> {
    const {socketPath, admin, runFile, version} = this.#options;
    // First what other processes may hold, so that a second one ends before it has touched anything.
    if (socketPath !== undefined) await listenOnSocket(this.#face('control'), socketPath);
    if (admin !== undefined) this.#admin = await listenOnTcp(this.#face('admin', admin.host), admin);
    this.#metrics = await createMetrics(version);
    await registerHostMetrics(this.#metrics.own, this);
    await this.#runner.start(this.#metrics, signal);
    await waitUntilHealthy(this.services, signal);
    this.#status = 'ready';
    if (runFile !== undefined) {
      this.#wroteRunFile = true;
      await writeRunFile(runFile, runFileContent(this.info()));
    }
    signal.throwIfAborted();
  }

  async #stopAll(): Promise<void> {
    const wasReady = this.#status === 'ready';
    this.#status = 'draining';
    this.#stopping.abort();
    try {
      await this.#starting;
      if (wasReady) await this.#runner.drain(this.#options.graceMs ?? GRACE_MS);
      this.#handlers.abort();
      const failures = await this.#runner.stop();
      await Promise.all(this.#faces.map((face) => face.close()));
      const {runFile} = this.#options;
      if (runFile !== undefined && this.#wroteRunFile) await removeRunFile(runFile, process.pid);
      if (failures[0] !== undefined) throw failures[0];
      this.#stopped.resolve();
    } catch (error) {
      this.#stopped.reject(error);
      throw error;
    } finally {
      this.#status = 'stopped';
    }
  }

  #face(access: Access, listenHost?: string): HttpFace {
    const {version, log} = this.#options;
    const face = new HttpFace({
      access,
      routes: this.#routes,
      version,
      log,
      stopping: this.#handlers.signal,
      ...(listenHost !== undefined && {listenHost}),
    });
    this.#faces.push(face);
    return face;
  }
}

/** A service whose description fails is shown as failed rather than hidden, with everything else, behind an error. */
function describe(service: Service): ServiceInfo {
  try {
    return service.info();
  } catch {
    const {name, kind} = service;
    return {name, kind, status: 'failed', addresses: [], publicAddresses: [], metadata: {}};
  }
}

function runFileContent({status: _status, ...run}: HostInfo): Omit<HostInfo, 'status'> {
  return run;
}

function startAborted(cause: unknown): QuiverError {
  return new QuiverError({
    code: 'START_ABORTED',
    message: 'Stopped before everything had started',
    fix: 'Start it again.',
    cause,
  });
}
