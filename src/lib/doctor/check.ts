import {QuiverError} from '../core/errors.ts';
import {maskCredentials} from '../core/mask.ts';
import {explainFileError} from '../core/system-error.ts';

export type CheckStatus = 'ok' | 'warn' | 'fail';

export interface Finding {
  status: CheckStatus;
  /** What was found, in one line. */
  detail: string;
  /** What to do about it; present unless the status is ok. */
  fix?: string;
}

export interface CheckResult extends Finding {
  name: string;
}

/** One thing that can be wrong with a machine or its settings. */
export interface Check {
  name: string;
  /** A thrown QuiverError counts as a failure with its own message and fix. */
  run(signal: AbortSignal): Promise<Finding> | Finding;
}

/** Loading the engine from a cold disk is the slowest of the checks. */
const CHECK_DEADLINE_MS = 15_000;

/** Runs all checks at once; the results come in the order of the checks. */
export function runChecks(checks: readonly Check[], signal: AbortSignal): Promise<CheckResult[]> {
  return Promise.all(checks.map((check) => runCheck(check, signal)));
}

async function runCheck(check: Check, signal: AbortSignal): Promise<CheckResult> {
  const deadline = AbortSignal.timeout(CHECK_DEADLINE_MS);
  const either = AbortSignal.any([signal, deadline]);
  const late = Promise.withResolvers<never>();
  const giveUp = (): void => late.reject(either.reason);
  either.addEventListener('abort', giveUp, {once: true});
  try {
    return {name: check.name, ...(await Promise.race([check.run(either), late.promise]))};
  } catch (error) {
    signal.throwIfAborted();
    return {name: check.name, ...explain(error, deadline.aborted)};
  } finally {
    either.removeEventListener('abort', giveUp);
  }
}

function explain(error: unknown, late: boolean): Finding {
  const known = error instanceof QuiverError ? error : explainFileError(error);
  if (known !== undefined) return fail(known.message, known.fix);
  if (late) return fail(`no result within ${CHECK_DEADLINE_MS / 1_000} s`, 'Try again when the machine is less busy.');
  return fail(`the check itself failed: ${String(error)}`, 'Please report this with `quiver doctor --json`.');
}

export function ok(detail: string): Finding {
  return {status: 'ok', detail: maskCredentials(detail)};
}

export function warn(detail: string, fix: string): Finding {
  return {status: 'warn', detail: maskCredentials(detail), fix};
}

export function fail(detail: string, fix: string): Finding {
  return {status: 'fail', detail: maskCredentials(detail), fix};
}
