import {EXIT, QuiverError} from '../../core/errors.ts';
import type {RecordSet} from '../model/record-set.ts';
import {changeKey} from '../providers/apply-changes.ts';
import type {Change, DnsProvider} from '../providers/provider.ts';
import {canResume, endJournal, startJournal} from './journal.ts';
import {planZone, type ZonePlan} from './plan.ts';

/** As many may go without being asked for. */
const MAX_DELETIONS = 10;
const MAX_DELETED_SHARE = 0.3;
/** Of sets in one message. */
const MAX_NAMED = 5;

export interface ZoneRequest {
  provider: DnsProvider;
  zone: string;
  /** Of `buildRecords`. */
  records: readonly RecordSet[];
  adopt: boolean;
  signal: AbortSignal;
}

export interface ApplyOptions extends ZoneRequest {
  /** The plan that was agreed to. */
  checksum: string;
  /** Go on with up to this many deleted records. */
  allowDeletions?: number | undefined;
  journal: string;
  /** Told after each step. */
  onProgress(done: number, all: number): void;
}

/** Looks at the zone and says what is to be done; never writes. */
export async function makePlan({provider, zone, records, adopt, signal}: ZoneRequest): Promise<ZonePlan> {
  const current = await provider.read(zone, signal);
  return planZone({zone, provider: provider.name, current, wanted: provider.prepare(records), adopt});
}

/**
 * Carries out the plan with this checksum, or what a crash has left of it. Throws DNS_CHANGED when the zone is no
 * longer as it was, or after all was done is not as planned; DNS_CONFLICT and DNS_DELETIONS for what has to be said
 * aloud first (exit 4 all of them).
 */
export async function applyPlan(options: ApplyOptions): Promise<ZonePlan> {
  const {provider, zone, records, adopt, signal, checksum, journal} = options;
  const current = await provider.read(zone, signal);
  const plan = planZone({zone, provider: provider.name, current, wanted: provider.prepare(records), adopt});
  if (plan.checksum !== checksum && !(await canResume(journal, checksum, current, plan))) throw changed(plan, checksum);
  checkConflicts(plan);
  checkDeletions(plan, options.allowDeletions);
  // A resumed plan keeps the checksum that was agreed to.
  if (plan.checksum === checksum) await startJournal(journal, plan);
  const steps = provider.atomic === true && plan.steps.length > 0 ? [plan.steps.flat()] : plan.steps;
  for (const [index, step] of steps.entries()) {
    await provider.apply(zone, step, signal);
    options.onProgress(index + 1, steps.length);
  }
  const outcome = steps.length > 0 ? await makePlan(options) : plan;
  await endJournal(journal);
  checkOutcome(outcome);
  return plan;
}

/** Whether so many deletions need a word. */
export function tooManyDeletions({deletions, ownedRecords}: Pick<ZonePlan, 'deletions' | 'ownedRecords'>): boolean {
  return deletions > MAX_DELETIONS || deletions > ownedRecords * MAX_DELETED_SHARE;
}

function checkConflicts({conflicts}: ZonePlan): void {
  const [first] = conflicts;
  if (first === undefined) return;
  throw refused(
    'DNS_CONFLICT',
    `${conflicts.length === 1 ? 'A set at our names is' : `${conflicts.length} sets at our names are`} somebody else's: ${namesOf(conflicts)}`,
    'If they are yours to replace: --adopt (types that quiver does not write you have to remove yourself). Else leave the service out of dns.services (CAA: empty dns.caa).',
  );
}

function checkDeletions(plan: ZonePlan, allowed: number | undefined): void {
  const {deletions, ownedRecords} = plan;
  if (!tooManyDeletions(plan) || (allowed !== undefined && deletions <= allowed)) return;
  throw refused(
    'DNS_DELETIONS',
    `${deletions} of ${ownedRecords} records would be deleted`,
    `If that is meant: --allow-deletions ${deletions}. Else look for what is missing in dns.hosts.`,
  );
}

function changed({checksum: now}: ZonePlan, agreed: string): QuiverError {
  const state = now === '' ? 'there is nothing left to do' : `the plan is ${now} now`;
  return refused(
    'DNS_CHANGED',
    `The zone or the settings are not as they were for plan ${agreed}: ${state}`,
    'quiver dns plan',
  );
}

/** Nobody else may have been there meanwhile; not every provider can be told to refuse then. */
function checkOutcome({steps, conflicts}: ZonePlan): void {
  const left = [...steps.flat(), ...conflicts];
  if (left.length === 0) return;
  throw refused(
    'DNS_CHANGED',
    `The plan was carried out, and yet this is not as planned: ${namesOf(left)}. Somebody else changed it meanwhile, or the provider keeps it otherwise`,
    'quiver dns plan',
  );
}

function namesOf(changes: readonly Change[]): string {
  const names = [...new Set(changes.map(changeKey))];
  const more = names.length > MAX_NAMED ? ` and ${names.length - MAX_NAMED} more` : '';
  return `${names.slice(0, MAX_NAMED).join(', ')}${more}`;
}

function refused(code: string, message: string, fix: string): QuiverError {
  return new QuiverError({code, message, fix, exit: EXIT.refused});
}
