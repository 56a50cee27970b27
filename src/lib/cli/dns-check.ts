import {hasDrift, isBroken, type ServiceCheck, type ZoneCheck} from '../dns/check/report.ts';
import {EXIT, type ExitCode} from '../core/errors.ts';
import {table} from './output.ts';

/** Of sets that are not as they should be: more says no more. */
const MAX_SHOWN = 50;

/** The services and what is wrong with the records, for people. */
export function checkText(check: ZoneCheck): string {
  const wrong = check.records.filter(({status}) => status === 'missing' || status === 'differs');
  const unknown = check.records.filter(({status}) => status === 'unknown');
  const drift = wrong.slice(0, MAX_SHOWN).map(({name, type, status, detail}) => [name, type, status, detail ?? '']);
  const more = wrong.length > MAX_SHOWN ? [`and ${wrong.length - MAX_SHOWN} more`] : [];
  const right = check.records.length - wrong.length - unknown.length;
  const fixes = [...new Set(check.services.map(({label, fix}) => fix && `${label}: ${fix}`))].filter(
    (fix) => fix !== undefined,
  );
  return [
    table(['SERVICE', 'STATUS', 'LATENCY', 'DETAIL'], check.services.flatMap(serviceRows)),
    '',
    `${right} of ${check.records.length} sets are as wanted.`,
    ...(drift.length > 0
      ? [table(['NAME', 'TYPE', 'STATUS', 'FOUND'], drift), ...more, 'Bring them in line: quiver dns plan']
      : []),
    ...(unknown.length > 0
      ? [`${unknown.length} sets could not be asked for: ${unknown[0]?.detail ?? ''}. Ask another server: --resolver`]
      : []),
    ...(fixes.length > 0 ? ['', ...fixes] : []),
  ].join('\n');
}

/** What is down weighs more than what differs. */
export function checkExit(check: ZoneCheck): ExitCode {
  if (isBroken(check)) return EXIT.failed;
  return hasDrift(check) ? EXIT.changesPending : EXIT.done;
}

function serviceRows({label, status, contacts}: ServiceCheck): string[][] {
  if (contacts.length === 0) return [[label, status, '', 'no address with a peer id is published']];
  return contacts.map(({target, latencyMs, detail}, index) => [
    index === 0 ? label : '',
    index === 0 ? status : '',
    latencyMs === undefined ? '' : `${latencyMs} ms`,
    detail === undefined ? target : `${target}  ${detail}`,
  ]);
}
