import {hasDrift, isBroken, type Contact, type ServiceCheck, type ZoneCheck} from '../dns/check/report.ts';
import {EXIT, type ExitCode} from '../core/errors.ts';
import {plain, table} from './output.ts';

/** Of sets that are not as they should be, and of what to do: more says no more. */
const MAX_SHOWN = 50;

const ANSWERS: Record<Contact['result'], string> = {
  ok: 'ok',
  refused: 'refused',
  silent: 'none',
  unnamed: 'no name',
  failed: 'failed',
};
/** Results whose detail is more than their name: why, or when a certificate ends. */
const SAYS_MORE: ReadonlySet<string> = new Set(['ok', 'failed']);

/** The services and what is wrong with the records, for people. */
export function checkText(check: ZoneCheck): string {
  const wrong = check.records.filter(({status}) => status === 'missing' || status === 'differs');
  const unknown = check.records.filter(({status}) => status === 'unknown');
  const drift = wrong.slice(0, MAX_SHOWN).map(({name, type, status, detail}) => [name, type, status, detail ?? '']);
  const more = wrong.length > MAX_SHOWN ? [`and ${wrong.length - MAX_SHOWN} more`] : [];
  const right = check.records.length - wrong.length - unknown.length;
  const fixes = fixLines(check.services);
  return [
    table(['SERVICE', 'STATUS', 'ANSWER', 'ADDRESS'], check.services.flatMap(serviceRows)),
    '',
    `${right} of ${check.records.length} sets are as wanted.`,
    ...(drift.length > 0
      ? [table(['NAME', 'TYPE', 'STATUS', 'FOUND'], drift), ...more, 'Bring them in line: quiver dns plan']
      : []),
    ...(unknown.length > 0
      ? [
          `${unknown.length} sets could not be asked for: ${plain(unknown[0]?.detail ?? '')}. Ask another server: --resolver`,
        ]
      : []),
    ...(fixes.length > 0 ? ['', ...fixes] : []),
  ].join('\n');
}

/** One for all services that need the same. */
function fixLines(services: readonly ServiceCheck[]): string[] {
  const byFix = Map.groupBy(
    services.filter(({fix}) => fix !== undefined),
    ({fix}) => fix,
  );
  const lines = [...byFix].map(([fix, [first, ...others]]) => {
    const more =
      others.length === 0 ? '' : others.length === 1 ? `, ${others[0]?.label ?? ''}` : ` and ${others.length} more`;
    return `${first?.label ?? ''}${more}: ${fix ?? ''}`;
  });
  const left = lines.length - MAX_SHOWN;
  return [...lines.slice(0, MAX_SHOWN), ...(left > 0 ? [`and ${left} more`] : [])];
}

/** What is down weighs more than what differs. */
export function checkExit(check: ZoneCheck): ExitCode {
  if (isBroken(check)) return EXIT.failed;
  return hasDrift(check) ? EXIT.changesPending : EXIT.done;
}

/** Peer ids are left out of addresses, as every line would be wider than a terminal for the same id. */
function serviceRows({label, status, contacts}: ServiceCheck): string[][] {
  if (contacts.length === 0) return [[label, status, '', 'nothing is published that could be contacted']];
  return contacts.flatMap((contact, index) => {
    const {target, result, latencyMs, detail} = contact;
    const answer = latencyMs === undefined ? ANSWERS[result] : `${latencyMs} ms`;
    const head = index === 0 ? [label, status] : ['', ''];
    const says = detail !== undefined && SAYS_MORE.has(result);
    return [[...head, answer, target.replace(/\/p2p\/\w+$/, '')], ...(says ? [['', '', '', `  ${detail}`]] : [])];
  });
}
