import {QuiverError} from '../../core/errors.ts';

/** COTURN_START, with what coturn said itself. */
export function notStarted(error: unknown, complaints: readonly string[]): QuiverError {
  const how = error instanceof Error ? error.message : String(error);
  const said = complaints.length === 0 ? '' : `; it says: ${complaints.join('; ')}`;
  return new QuiverError({
    code: 'COTURN_START',
    message: `coturn did not start: ${how}${said}`,
    fix: 'Look at all it prints: run the same command with --log-level debug',
    cause: error,
  });
}
