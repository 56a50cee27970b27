import {EXIT, QuiverError} from '../core/errors.ts';
import {makePlan, type ZoneRequest} from '../dns/plan/apply.ts';
import {planText} from './dns-zone.ts';
import {ask} from './prompt.ts';

/**
 * The checksum of the plan that somebody at a terminal has seen and agreed to; undefined when there is nothing to do.
 * Off a terminal nobody can agree: throws DNS_PLAN_MISSING. A "no" throws DNS_NOT_AGREED.
 */
export async function agreedPlan(
  request: ZoneRequest,
  {interactive, show}: {interactive: boolean; show: (text: string) => void},
): Promise<string | undefined> {
  const plan = await makePlan(request);
  const isPending = plan.checksum !== '' || plan.conflicts.length > 0;
  if (isPending && !interactive) throw planMissing();
  show(planText(plan));
  if (!isPending) return undefined;
  // Applying says what is in the way.
  if (plan.conflicts.length > 0) return plan.checksum;
  const answer = await ask({
    flag: 'plan',
    message: `Apply this to ${request.zone} at ${request.provider.name}?`,
    choices: [
      {value: 'no', name: 'No'},
      {value: 'yes', name: 'Yes, apply it'},
    ],
  });
  if (answer === 'yes') return plan.checksum;
  throw new QuiverError({
    code: 'DNS_NOT_AGREED',
    message: 'Nothing was applied',
    fix: 'quiver dns plan',
    exit: EXIT.refused,
  });
}

function planMissing(): QuiverError {
  return new QuiverError({
    code: 'DNS_PLAN_MISSING',
    message: 'Without a terminal the checksum of the plan is needed',
    fix: 'quiver dns plan   (prints it), then: quiver dns apply --plan CHECKSUM',
    exit: EXIT.usage,
  });
}
