import {QuiverError} from '../core/errors.ts';
import {explainFileError} from '../core/system-error.ts';
import type {Logger} from '../observability/logger.ts';
import type {Metrics} from '../observability/metrics.ts';
import {withDeadline} from './deadline.ts';
import {dependencies, startOrder} from './order.ts';
import type {RouteTable} from './routes.ts';
import type {Service, ServiceContext} from './service.ts';

export interface RunnerOptions {
  services: readonly Service[];
  log: Logger;
  routes: RouteTable;
  startDeadlineMs: number;
  stopDeadlineMs: number;
  /** Aborted after work under way was let end, before services are stopped. */
  stopping: AbortSignal;
  /** Called when a service begins to start and when it has. */
  onProgress: (service: Service, phase: 'starting' | 'started') => void;
}

/** Starts services, each as soon as those it waits for are up, and stops them in the reverse of their order. */
export class ServiceRunner {
  readonly ordered: readonly Service[];
  readonly #options: RunnerOptions;
  /** Those whose `start` was called, whatever came of it: all of them may hold something that has to be let go. */
  readonly #touched = new Set<Service>();

  constructor(options: RunnerOptions) {
    this.#options = options;
    this.ordered = startOrder(options.services);
  }

  /** Rejects with the first failure, once every start that was under way has ended or been given up. */
  async start(metrics: Metrics, signal: AbortSignal): Promise<void> {
    const failure = new AbortController();
    const either = AbortSignal.any([signal, failure.signal]);
    const starts = new Map<string, Promise<void>>();
    for (const service of this.ordered) {
      const needed = (service.after ?? []).flatMap((name) => starts.get(name) ?? []);
      const start = Promise.all(needed).then(() => this.#startOne(service, metrics, either));
      // The first to fail stops the others, and is what the user hears of.
      start.catch((error: unknown) => failure.abort(error));
      starts.set(service.name, start);
    }
    await Promise.allSettled(starts.values());
    either.throwIfAborted();
  }

  /** Lets services end what they work on, all at once, for at most `graceMs`. */
  async drain(graceMs: number): Promise<void> {
    const draining = [...this.#touched].map(async (service) => {
      const late = (): Error => new Error(`work was still under way after ${graceMs} ms`);
      try {
        await withDeadline(async () => service.drain?.(), graceMs, late);
      } catch (error) {
        this.#options.log.warn({err: error, service: service.name}, 'a service was stopped in the middle of its work');
      }
    });
    await Promise.all(draining);
  }

  /** Stops what was started, last first; one that fails or hangs does not keep the rest from stopping. */
  async stop(): Promise<QuiverError[]> {
    const failures: QuiverError[] = [];
    for (const service of this.ordered.toReversed()) {
      if (!this.#touched.delete(service)) continue;
      try {
        await withDeadline(
          () => service.stop(),
          this.#options.stopDeadlineMs,
          () => this.#late('stop'),
        );
        this.#options.log.debug({service: service.name}, 'stopped');
      } catch (error) {
        this.#options.log.error({err: error, service: service.name}, 'a service did not stop cleanly');
        failures.push(named(service, 'stop', error));
      }
    }
    return failures;
  }

  async #startOne(service: Service, metrics: Metrics, signal: AbortSignal): Promise<void> {
    const {startDeadlineMs, routes, onProgress, log} = this.#options;
    signal.throwIfAborted();
    onProgress(service, 'starting');
    this.#touched.add(service);
    const start = (inner: AbortSignal): Promise<void> => service.start(this.#context(service, metrics, inner));
    try {
      await withDeadline(start, startDeadlineMs, () => this.#late('start'), signal);
      routes.add(service.name, service.routes?.() ?? [], this.ordered.indexOf(service));
    } catch (error) {
      throw signal.aborted ? signal.reason : named(service, 'start', error);
    }
    log.debug({service: service.name}, 'started');
    onProgress(service, 'started');
  }

  #context(service: Service, metrics: Metrics, signal: AbortSignal): ServiceContext {
    const nearestFirst = [...dependencies(service, this.ordered), ...this.ordered.filter((each) => each !== service)];
    return {
      signal: AbortSignal.any([signal, this.#options.stopping]),
      log: this.#options.log.child({service: service.name}),
      metrics: metrics.forService(service.name),
      find: (kind) => nearestFirst.find((each) => each.kind === kind),
    };
  }

  #late(what: 'start' | 'stop'): QuiverError {
    const deadlineMs = what === 'start' ? this.#options.startDeadlineMs : this.#options.stopDeadlineMs;
    return new QuiverError({
      code: what === 'start' ? 'START_TIMEOUT' : 'STOP_TIMEOUT',
      message: `it did not ${what} within ${deadlineMs / 1000} s`,
      fix: 'Look at what it waits for: run the same command with --log-level debug',
    });
  }
}

/** Says which service failed, keeping the code and the fix of what went wrong. */
function named(service: Service, what: 'start' | 'stop', error: unknown): QuiverError {
  const known = error instanceof QuiverError ? error : explainFileError(error);
  const cause = known?.message ?? (error instanceof Error ? error.message : String(error));
  return new QuiverError({
    code: known?.code ?? (what === 'start' ? 'START_FAILED' : 'STOP_FAILED'),
    message: `Service "${service.name}" (${service.kind}) could not ${what}: ${cause}`,
    fix: known?.fix ?? 'Look at what it logs: run the same command with --log-level debug',
    ...(known !== undefined && {exit: known.exit}),
    cause: error,
  });
}
