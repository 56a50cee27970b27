import {EXIT, QuiverError} from '../../core/errors.ts';

/** A serial wraps here; RFC 1982 calls the next one smaller, and secondaries would keep the old zone. */
const MAX_SERIAL = 4_294_967_295;

/** The first serial of a day, YYYYMMDD00 in UTC, as RFC 1912 section 2.2 recommends. */
export function serialOfDay(date: Date): number {
  return Number(date.toISOString().slice(0, 10).replaceAll('-', '')) * 100;
}

/** The serial after `previous`: today's first one, or one more where that would not be a step forward. */
export function nextSerial(previous: number | undefined, date: Date): number {
  const serial = Math.max(serialOfDay(date), (previous ?? 0) + 1);
  if (serial <= MAX_SERIAL) return serial;
  throw new QuiverError({
    code: 'DNS_SERIAL',
    message: `The serial ${previous ?? ''} of the zone is the last one there is`,
    fix: 'Restart its numbering as RFC 1982 describes, then give the new one: --serial 2026010100',
    exit: EXIT.usage,
  });
}

/** The serial of a zone file, whoever wrote it: on the line of its SOA, or on one below in parentheses. */
export function serialIn(zoneFile: string): number | undefined {
  const [, serial] = /\sSOA\s+[^\s(]+\s+[^\s(]+[\s(]+(?:;.*[\r\n]\s*)*(\d{1,10})[\s;)]/i.exec(zoneFile) ?? [];
  return serial === undefined ? undefined : Number(serial);
}
