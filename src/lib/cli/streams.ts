import {EXIT, QuiverError} from '../core/errors.ts';
import {errorText, renderError} from './errors.ts';

let guarded = false;

/**
 * Keeps a full disk behind `>` from becoming a stack trace, and a log reader that went away from ending a service.
 * A reader of stdout that has seen enough (EPIPE) is oclif's and the command's to handle.
 */
export function guardStreams(): void {
  if (guarded) return;
  guarded = true;
  // Before oclif's own listener, which throws.
  process.stdout.prependListener('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') return;
    process.stderr.write(errorText(renderError(outputFailed(error))));
    process.exit(EXIT.failed);
  });
  process.stderr.on('error', () => {});
}

function outputFailed(error: NodeJS.ErrnoException): QuiverError {
  return new QuiverError({
    code: 'OUTPUT_FAILED',
    message: `The output cannot be written (${error.code ?? error.message})`,
    fix: 'df -h   (then free some space where the output goes, and run it again)',
    cause: error,
  });
}
