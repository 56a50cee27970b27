import type {Chain} from '../chain/chain.ts';
import type {DeployedName, DeploySettings} from '../chain/deploy/contract-set.ts';
import type {Deployments} from '../chain/deploy/deployments.ts';
import type {PlanResult, TransactionPlan} from '../chain/plan.ts';
import type {Places} from '../config/places.ts';
import {EXIT, QuiverError} from '../core/errors.ts';

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
}

interface ContractLine {
  name: DeployedName;
  address: string;
  state: 'present' | 'planned' | 'created';
}

/** A deployment that is worked out, and not begun. */
export interface PreparedDeployment {
  plan: TransactionPlan;
  /** All contracts that it is about; `created` says what becomes of those that are missing. */
  contracts: (created: 'planned' | 'created') => ContractLine[];
  /** Writes the addresses down, and says where. */
  writeDown: (result: PlanResult | undefined) => Promise<string>;
}

/** Works out what has to be deployed. Run again, it finds what was cut short, and then nothing. */
export async function prepareDeployment(
  places: Places,
  chain: Chain,
  deployer: string,
  wishes: DeployWishes,
): Promise<PreparedDeployment> {
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
  const {name: profile} = chain.profile;
  const before = await readDeployments(places, profile);
  const set = await contractSet(settingsOf(chain, deployer, wishes, before, DEFAULT_SETTINGS));
  const {plan, present, missing} = await deployPlan(chain, set, wishes.only);
  return {
    plan,
    contracts: (created) =>
      [...set.contracts.values()]
        .filter(({name}) => present.includes(name) || missing.includes(name))
        .map(({name, address}) => ({name, address, state: present.includes(name) ? 'present' : created})),
    async writeDown(result) {
      const after = await deploymentsAfter(chain, set, before, result);
      return writeDeployments(places, profile, after);
    },
  };
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
