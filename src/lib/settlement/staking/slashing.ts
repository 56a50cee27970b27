import {amountToText, dateToText} from '../../core/units.ts';
import {allEvents} from '../all-events.ts';
import {idPrefix, theOnly} from '../by-prefix.ts';
import {chainTime, type Draft, type MoneyContracts} from '../contracts.ts';
import {notNow, wrongValue} from '../errors.ts';
import {approvalSteps, requireQuiv} from '../funds.ts';

/** The order is the contract's. */
export const VIOLATIONS = ['canary', 'equivocation'] as const;
export type Violation = (typeof VIOLATIONS)[number];

const STATUSES = ['none', 'open', 'disputed', 'executed', 'cancelled', 'lapsed'] as const;
type ReportStatus = (typeof STATUSES)[number];

/** For the cost of a report that can't be simulated before the approval of its bond. */
const REPORT_GAS = 220_000n;

/** A report on an account. Times in seconds since 1970, amounts in base units. */
export interface SlashReport {
  account: string;
  /** `0x` and 64 digits. */
  evidence: string;
  reporter: string;
  violation: Violation;
  digests: readonly string[];
  /** `lapsed` also before anybody has fetched the bond of a report whose time is over. */
  status: ReportStatus;
  /** The bond has not been paid back yet. */
  bonded: boolean;
  disputableUntil: bigint;
  lapsesAt: bigint;
  /** The most that it takes: less where its week has reached the cap. */
  penalty: bigint;
}

export interface ReportFilter {
  account?: string | undefined;
  reporter?: string | undefined;
}

/** All reports since the deployment that match, oldest first. */
export async function listReports(money: MoneyContracts, {account, reporter}: ReportFilter): Promise<SlashReport[]> {
  const {chain, staking, startBlock: fromBlock} = money;
  const indexed = [account ?? null, null, reporter ?? null];
  const [events, now] = await Promise.all([
    allEvents(chain, staking, 'SlashProposed', {fromBlock, indexed}),
    chainTime(money),
  ]);
  // A cancelled report can be made again with the same id: the last one stands.
  const latest = new Map(events.map((fields) => [`${fields.account}/${fields.evidenceId}`, fields]));
  return Promise.all(
    [...latest.values()].map(async (fields) => {
      const info = await staking.read('report', [fields.account, fields.evidenceId]);
      const status = STATUSES[Number(info.status)] ?? 'none';
      const bonded = status === 'open' || status === 'disputed';
      return {
        account: fields.account,
        evidence: fields.evidenceId,
        reporter: fields.reporter,
        violation: VIOLATIONS[Number(fields.violation)] ?? 'canary',
        digests: fields.digests,
        status: bonded && now >= info.lapsesAt ? 'lapsed' : status,
        bonded,
        disputableUntil: info.disputableUntil,
        lapsesAt: info.lapsesAt,
        penalty: (info.base * info.penaltyBps + 9_999n) / 10_000n,
      };
    }),
  );
}

/** The report whose evidence id begins with these digits. Throws `REPORT_UNKNOWN`, `REPORT_AMBIGUOUS`. */
export async function findReport(
  money: MoneyContracts,
  wanted: string,
  filter: ReportFilter = {},
): Promise<SlashReport> {
  const prefix = idPrefix(wanted);
  const reports = prefix === undefined ? [] : await listReports(money, filter);
  const found = reports.filter(({evidence}) => evidence.startsWith(prefix ?? ''));
  return theOnly(found, {code: 'REPORT', what: 'report', wanted, list: 'quiver slash list'});
}

export interface ReportRequest {
  from: string;
  account: string;
  violation: Violation;
  /** 32 bytes each, `0x…`; any order. */
  digests: readonly string[];
}

/** Reports an account with a bond. Throws `INSUFFICIENT_QUIV`, `DIGEST_WRONG`. */
export async function reportPlan(money: MoneyContracts, request: ReportRequest): Promise<Draft> {
  const {from, account, violation} = request;
  const {staking} = money;
  const digests = [...new Set(request.digests.map((digest) => digest.toLowerCase()))].sort();
  const wrong = digests.find((digest) => !/^0x[0-9a-f]{64}$/.test(digest));
  if (wrong !== undefined || digests.length === 0) {
    throw wrongValue('DIGEST_WRONG', `"${wrong ?? ''}" is not a digest`, 'Write 0x and 64 hexadecimal digits.');
  }
  const bond = await staking.read('REPORT_BOND', []);
  await requireQuiv(money, from, bond);
  const purpose = 'staking (for the bond)';
  const approval = await approvalSteps(money, {owner: from, spender: staking.address, amount: bond, purpose});
  const what = `Report ${account} with a bond of ${amountToText(bond)} QUIV`;
  const report = {
    what,
    to: staking.address,
    data: staking.encode('proposeSlash', [account, VIOLATIONS.indexOf(violation), digests]),
    quiv: bond,
    gas: REPORT_GAS,
  };
  return {title: what, steps: [...approval, report]};
}

/** Takes a report on oneself to the arbiter. Throws `REPORT_NOT_OPEN`, `DISPUTE_TOO_LATE`. */
export async function disputePlan(
  money: MoneyContracts,
  {from, evidence}: {from: string; evidence: string},
): Promise<Draft> {
  const report = await findReport(money, evidence, {account: from});
  if (report.status !== 'open') throw reportNotOpen(report);
  if ((await chainTime(money)) >= report.disputableUntil) {
    const until = dateToText(report.disputableUntil);
    throw notNow('DISPUTE_TOO_LATE', `It could be disputed until ${until}`, `quiver slash list ${from}`);
  }
  const what = `Dispute the report ${report.evidence.slice(0, 10)}`;
  const step = {what, to: money.staking.address, data: money.staking.encode('disputeSlash', [report.evidence])};
  return {title: what, steps: [step]};
}

/**
 * Carries out a report that nobody disputed in time, or fetches the bond of one that lapsed.
 * Throws `REPORT_NOT_OPEN`, `DISPUTE_WINDOW_OPEN`.
 */
export async function executePlan(money: MoneyContracts, evidence: string): Promise<Draft> {
  const {staking} = money;
  const report = await findReport(money, evidence);
  const parties = [report.account, report.evidence] as const;
  if (report.status === 'lapsed' && report.bonded) {
    const title = `Return the bond of the lapsed report ${report.evidence.slice(0, 10)} to ${report.reporter}`;
    return {title, steps: [{what: title, to: staking.address, data: staking.encode('lapseSlash', parties)}]};
  }
  if (report.status !== 'open') throw reportNotOpen(report);
  if ((await chainTime(money)) < report.disputableUntil) {
    const until = dateToText(report.disputableUntil);
    throw notNow('DISPUTE_WINDOW_OPEN', `It can still be disputed until ${until}`, 'Run it again after that.');
  }
  const title = `Slash ${report.account} by at most ${amountToText(report.penalty)} QUIV`;
  return {title, steps: [{what: title, to: staking.address, data: staking.encode('executeSlash', parties)}]};
}

function reportNotOpen({evidence, status, account}: SlashReport): Error {
  const who = status === 'disputed' ? ': the arbiter decides now' : '';
  return notNow(
    'REPORT_NOT_OPEN',
    `The report ${evidence.slice(0, 10)} is ${status}${who}`,
    `quiver slash list ${account}`,
  );
}
