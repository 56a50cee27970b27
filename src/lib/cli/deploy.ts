import type {Command} from '@oclif/core';

import type {Chain} from '../chain/chain.ts';
import type {DeployedName, DeploySettings} from '../chain/deploy/contract-set.ts';
import type {Deployments} from '../chain/deploy/deployments.ts';
import type {PlanResult, TransactionPlan} from '../chain/plan.ts';
import {journalDatabase} from '../config/places.ts';
import {EXIT, QuiverError} from '../core/errors.ts';
import type {BaseCommand} from './base-command.ts';
import {StepPrinter} from './steps.ts';
import type {Account} from './wallet.ts';

export interface DeployWishes {
  /** Only this one, and what it needs. */
  only?: DeployedName | undefined;
  holder?: string | undefined;
  multisig?: string | undefined;
  guardian?: string | undefined;
  arbiter?: string | undefined;
  minimumBond?: bigint | undefined;
  activationDelaySeconds?: number | undefined;
  knowsUnaudited: boolean;
  dryRun: boolean;
}

export interface DeployOutcome {
  /** Nothing was missing. */
  isDone: boolean;
  plan: TransactionPlan;
  contracts: {name: DeployedName; address: string; state: 'present' | 'planned' | 'created'}[];
  result?: PlanResult;
  /** Where the addresses are written down. */
  file?: string;
}

/**
 * Shows what has to be deployed and what it costs, asks `confirm`, deploys, and writes the addresses down. Run again,
 * it finishes what was cut short, and then does nothing.
 */
export async function deployContracts(
  command: BaseCommand<typeof Command>,
  {chain, account, wishes}: {chain: Chain; account: Account; wishes: DeployWishes},
  confirm: (text: string) => Promise<void>,
  signal: AbortSignal,
): Promise<DeployOutcome> {
  const [
    {contractSet, DEFAULT_SETTINGS},
    {deployPlan, deploymentsAfter, isMainnet},
    {readDeployments, writeDeployments},
  ] = await Promise.all([
    import('../chain/deploy/contract-set.ts'),
    import('../chain/deploy/deploy.ts'),
    import('../chain/deploy/deployments.ts'),
  ]);
  if (isMainnet(chain.id)) checkMainnet(wishes);
  const {name} = chain.profile;
  const before = await readDeployments(command.places, name);
  const set = await contractSet(settingsOf(chain, account.address, wishes, before, DEFAULT_SETTINGS));
  const {plan, present, missing} = await deployPlan(chain, set, wishes.only);
  const list = (created: 'planned' | 'created'): DeployOutcome['contracts'] =>
    [...set.contracts.values()]
      .filter((contract) => present.includes(contract.name) || missing.includes(contract.name))
      .map((contract) => ({
        name: contract.name,
        address: contract.address,
        state: present.includes(contract.name) ? 'present' : created,
      }));
  const isDone = plan.steps.length === 0;
  if (!isDone) await showCost(chain, plan, confirm);
  if (wishes.dryRun) return {isDone, plan, contracts: list('planned')};
  const result = isDone ? undefined : await carryOut(command, chain, account, plan, signal);
  const after = await deploymentsAfter(chain, set, before, {missing, result});
  const file = await writeDeployments(command.places, name, after);
  return {isDone, plan, contracts: list('created'), ...(result !== undefined && {result}), file};
}

/** What isn't said stays as in an earlier run, else roles are the deployer's; on a mainnet each has to be named. */
function settingsOf(
  chain: Chain,
  deployer: string,
  wishes: DeployWishes,
  before: Deployments | undefined,
  defaults: Pick<DeploySettings, 'minimumBond' | 'activationDelaySeconds'>,
): DeploySettings {
  const earlier = before?.chainKey === chain.key ? before : undefined;
  const known = earlier?.roles;
  const role = (name: 'holder' | 'multisig' | 'guardian' | 'arbiter'): string =>
    wishes[name] ?? known?.[name] ?? deployer;
  const {minimumBond, activationDelaySeconds} = earlier?.settings ?? {};
  return {
    deployer: known?.deployer ?? deployer,
    holder: role('holder'),
    multisig: role('multisig'),
    guardian: role('guardian'),
    arbiter: role('arbiter'),
    minimumBond: wishes.minimumBond ?? BigInt(minimumBond ?? defaults.minimumBond),
    activationDelaySeconds: wishes.activationDelaySeconds ?? activationDelaySeconds ?? defaults.activationDelaySeconds,
  };
}

function checkMainnet(wishes: DeployWishes): void {
  const unnamed = (['holder', 'multisig', 'guardian', 'arbiter'] as const).filter((name) => wishes[name] === undefined);
  if (wishes.knowsUnaudited && unnamed.length === 0) return;
  throw new QuiverError({
    code: 'DEPLOY_MAINNET',
    message: wishes.knowsUnaudited
      ? `On a mainnet every role has to be named; missing: ${unnamed.join(', ')}`
      : 'The contracts have not been audited, and this is a mainnet: what is lost there is lost',
    fix: wishes.knowsUnaudited
      ? `Add ${unnamed.map((name) => `--${name} ADDRESS`).join(' ')}`
      : 'Try it on the test network: --profile amoy; to do it all the same: --i-know-this-is-unaudited',
    exit: EXIT.refused,
  });
}

async function showCost(chain: Chain, plan: TransactionPlan, confirm: (text: string) => Promise<void>): Promise<void> {
  const [{costOf}, {planText}] = await Promise.all([import('../chain/cost.ts'), import('../chain/plan.ts')]);
  await confirm(planText(plan, await costOf(chain, plan)));
}

async function carryOut(
  command: BaseCommand<typeof Command>,
  chain: Chain,
  account: Account,
  plan: TransactionPlan,
  signal: AbortSignal,
): Promise<PlanResult> {
  const [{execute}, {TransactionJournal}, {chainSigner}] = await Promise.all([
    import('../chain/execute.ts'),
    import('../chain/journal.ts'),
    import('../settlement/chain-signer.ts'),
  ]);
  using journal = new TransactionJournal(journalDatabase(command.places));
  const signer = chainSigner(await account.unlock());
  const printer = command.jsonEnabled() ? undefined : new StepPrinter();
  try {
    return await execute(plan, {chain, journal, signer, signal, onStep: (progress) => printer?.show(progress)});
  } finally {
    printer?.finish();
  }
}
