import {EXIT, QuiverError, type ExitCode} from '../core/errors.ts';
import {maskCredentials} from '../core/mask.ts';

/** How an error travels over HTTP and in a stream's last line. */
export interface ErrorBody {
  code: string;
  message: string;
  fix: string;
  exit: ExitCode;
}

/** Never shows what an unexpected error says: that is for the log, not for callers. */
export function toErrorBody(error: unknown): ErrorBody {
  if (error instanceof QuiverError) {
    const {code, message, fix, exit} = error;
    return {code, message: maskCredentials(message), fix: maskCredentials(fix), exit};
  }
  return {
    code: 'INTERNAL',
    message: 'The service failed in a way it did not expect',
    fix: 'Look at the log of the running process for the stack, and report it.',
    exit: EXIT.failed,
  };
}

/** The error that a body stands for; undefined when it is not one. */
export function fromErrorBody(body: unknown): QuiverError | undefined {
  if (typeof body !== 'object' || body === null) return undefined;
  const {code, message, fix, exit} = body as Record<string, unknown>;
  if (typeof code !== 'string' || typeof message !== 'string' || typeof fix !== 'string') return undefined;
  return new QuiverError({code, message, fix, exit: exitCode(exit)});
}

/** The HTTP status for an error: the caller's fault (usage), not allowed (refused) or ours. */
export function errorStatus(error: unknown): number {
  if (!(error instanceof QuiverError)) return 500;
  if (error.exit === EXIT.usage) return 400;
  return error.exit === EXIT.refused ? 403 : 500;
}

function exitCode(value: unknown): ExitCode {
  return Object.values(EXIT).find((code) => code === value && code !== EXIT.done) ?? EXIT.failed;
}
