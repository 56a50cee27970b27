import {QuiverError} from '../core/errors.ts';
import {pause} from '../core/pause.ts';
import {withDeadline} from './deadline.ts';
import type {HealthCheck, Service, ServiceKind} from './service.ts';

/** A self-check dials its own node or runs one token; with a loaded machine that takes seconds, not tens of them. */
const CHECK_DEADLINE_MS = 5_000;
/** Retried until everything has settled: about 15 s in all. */
const START_ATTEMPTS = 20;
const FIRST_DELAY_MS = 25;
const DELAY_LIMIT_MS = 1_000;
/** Askers within this time share one answer, so that nobody can make a process dial itself all day. */
const REPORT_AGE_LIMIT_MS = 1_000;

export interface ServiceHealth {
  name: string;
  kind: ServiceKind;
  ok: boolean;
  checks: HealthCheck[];
}

export interface HealthReport {
  ok: boolean;
  services: ServiceHealth[];
}

/** Asks one service; one that throws or does not answer in time is not healthy. */
async function checkService(service: Service, signal?: AbortSignal): Promise<ServiceHealth> {
  const {name, kind} = service;
  const late = (): Error => new Error(`no answer within ${CHECK_DEADLINE_MS} ms`);
  try {
    const {ok, checks} = await withDeadline((inner) => service.health(inner), CHECK_DEADLINE_MS, late, signal);
    return {name, kind, ok, checks};
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    const fix = error instanceof QuiverError ? {fix: error.fix} : {};
    return {name, kind, ok: false, checks: [{name: 'self-check', ok: false, detail, ...fix}]};
  }
}

/** Resolves when every service has passed its own check once; rejects with UNHEALTHY when one can't. */
export async function waitUntilHealthy(services: readonly Service[], signal: AbortSignal): Promise<void> {
  let waiting = services;
  let failing: readonly ServiceHealth[] = [];
  for (let attempt = 0; attempt < START_ATTEMPTS; attempt += 1) {
    const reports = await Promise.all(waiting.map((service) => checkService(service, signal)));
    signal.throwIfAborted();
    failing = reports.filter((report) => !report.ok);
    if (failing.length === 0) return;
    waiting = waiting.filter((service) => failing.some((report) => report.name === service.name));
    await pause(Math.min(FIRST_DELAY_MS * 2 ** attempt, DELAY_LIMIT_MS), signal);
  }
  throw unhealthy(failing);
}

/** One shared, briefly kept answer to "is everything well?". */
export class HealthMonitor {
  readonly #services: readonly Service[];
  #report: Promise<HealthReport> | undefined;
  #askedAtMs = 0;

  constructor(services: readonly Service[]) {
    this.#services = services;
  }

  report(): Promise<HealthReport> {
    const now = performance.now();
    if (this.#report === undefined || now - this.#askedAtMs > REPORT_AGE_LIMIT_MS) {
      this.#askedAtMs = now;
      this.#report = this.#check();
    }
    return this.#report;
  }

  async #check(): Promise<HealthReport> {
    const services = await Promise.all(this.#services.map((service) => checkService(service)));
    return {ok: services.every(({ok}) => ok), services};
  }
}

function unhealthy(failing: readonly ServiceHealth[]): QuiverError {
  const first = failing[0];
  const check = first?.checks.find(({ok}) => !ok);
  const detail = check === undefined ? '' : `: ${check.name}${check.detail === undefined ? '' : `, ${check.detail}`}`;
  return new QuiverError({
    code: 'UNHEALTHY',
    message: `Service "${first?.name}" (${first?.kind}) started, but does not work${detail}`,
    fix: check?.fix ?? 'Look at what it logs: run the same command with --log-level debug',
  });
}
