import {QuiverError} from '../core/errors.ts';

/** How far two honest clocks may be apart, in ms; hosts without NTP drift by seconds a day. */
export const CLOCK_SKEW_MS = 120_000;

const ASK_AGAIN = 'Ask the sender for the record again; a changed or cut record cannot be repaired.';

/** A record that breaks its schema, its bounds or its signature. */
export function invalidRecord(record: string, reason: string, cause?: unknown): QuiverError {
  return new QuiverError({
    code: 'RECORD_INVALID',
    message: `The ${record} is not valid: ${reason}.`,
    fix: ASK_AGAIN,
    cause,
  });
}

/**
 * Throws when `now` lies outside the life of a record: `CLOCK` when it was made in the future, `RECORD_EXPIRED` when it
 * is over, both with `skewMs` of tolerance, and `RECORD_INVALID` when it claims to live longer than allowed.
 * Times are ms since the epoch.
 */
export function checkLife(
  record: string,
  issuedAt: number,
  endsAt: number,
  maxLifeMs: number,
  now: number,
  skewMs = CLOCK_SKEW_MS,
): void {
  if (endsAt < issuedAt) throw invalidRecord(record, 'it ends before it was made');
  if (endsAt - issuedAt > maxLifeMs) throw invalidRecord(record, `it lives longer than ${maxLifeMs / 1_000} s`);
  if (issuedAt > now + skewMs) {
    const ahead = Math.round((issuedAt - now) / 1_000);
    throw new QuiverError({
      code: 'CLOCK',
      message: `The ${record} was made ${ahead} s in the future: the sender's clock or this machine's clock is wrong.`,
      fix: 'Compare `date -u` with a clock you trust and switch on time synchronisation (`timedatectl set-ntp true`).',
    });
  }
  if (endsAt + skewMs < now) {
    const ago = Math.round((now - endsAt) / 1_000);
    throw new QuiverError({
      code: 'RECORD_EXPIRED',
      message: `The ${record} ended ${ago} s ago.`,
      fix: "Wait for a newer one; if every record is too old, set this machine's clock (`date -u` shows it).",
    });
  }
}
