import {toHex, utf8} from '../../core/bytes.ts';
import {EXIT, QuiverError} from '../../core/errors.ts';
import {keccak256} from '../../core/keccak.ts';
import type {Chain} from '../chain.ts';
import {quiverRolesAbi} from '../gen/quiver-roles.ts';
import type {PlanResult, TransactionPlan, TransactionStep} from '../plan.ts';
import {DEPLOYED, type ContractSet, type DeployedName, type SetContract} from './contract-set.ts';
import {CREATE2_FACTORY} from './create2.ts';
import type {DeployedContract, Deployments} from './deployments.ts';

export interface DeployPlan {
  plan: TransactionPlan;
  /** Contracts that are there already. */
  present: readonly DeployedName[];
  /** Contracts that the plan creates, in its order. */
  missing: readonly DeployedName[];
}

/** Gas of a creation through the factory: calldata, the code that stays, and what the constructor does. */
const CREATION_BASE_GAS = 120_000n;
const GAS_PER_CREATION_BYTE = 16n;
const GAS_PER_RUNTIME_BYTE = 200n;
const WIRE_GAS = 500_000n;

const MAINNET_IDS: ReadonlySet<number> = new Set([1, 137]);

export function isMainnet(chainId: number): boolean {
  return MAINNET_IDS.has(chainId);
}

/**
 * What is left to do until the contracts stand: looks at the chain, so that a second run does nothing. `only` and what
 * it needs, or all of them with their roles. Throws FACTORY_MISSING.
 */
export async function deployPlan(chain: Chain, set: ContractSet, only?: DeployedName): Promise<DeployPlan> {
  const wanted = DEPLOYED.filter((name) => only === undefined || reaches(set, only, name));
  const codes = await Promise.all(wanted.map((name) => chain.code(contractOf(set, name).address)));
  const missing = wanted.filter((_, index) => codes[index] === '0x');
  if (missing.length > 0 && (await chain.code(CREATE2_FACTORY)) === '0x') throw factoryMissing(chain);
  const steps = missing.map((name) => creation(contractOf(set, name)));
  const wired = await isWired(chain, set, missing);
  if (wired && missing.length > 0) throw otherSet(missing);
  if (only === undefined && !wired) steps.push(wiring(set));
  const plan: TransactionPlan = {
    kind: 'deploy',
    // The settings decide the addresses: other settings, another deployment.
    key: `${only ?? 'all'} ${contractOf(set, 'QUIVerSettlement').address}`,
    title: `Deploy ${missing.length === 0 ? 'nothing new' : missing.join(', ')} to ${chain.profile.chain.name}`,
    from: set.settings.deployer,
    steps,
  };
  return {plan, present: wanted.filter((name) => !missing.includes(name)), missing};
}

/** What is on the chain now, for the deployments file: from before, and by the plan that was carried out. */
export async function deploymentsAfter(
  chain: Chain,
  set: ContractSet,
  before: Deployments | undefined,
  result: PlanResult | undefined,
): Promise<Deployments> {
  const known = before?.chainKey === chain.key ? before : undefined;
  const contracts: Partial<Record<DeployedName, DeployedContract>> = {};
  for (const name of DEPLOYED) {
    const contract = contractOf(set, name);
    if ((await chain.code(contract.address)) === '0x') continue;
    // Not by its place: one that was cut short had more steps than are missing now.
    const step = result?.steps.find(({what}) => what === creationOf(name));
    const earlier = known?.contracts[name];
    contracts[name] = {
      address: contract.address,
      ...(earlier?.address === contract.address ? earlier : {}),
      ...(step?.hash !== undefined && {transaction: step.hash}),
      ...(step?.block !== undefined && {block: step.block}),
      abiHash: toHex(keccak256(utf8(JSON.stringify(contract.artifact.abi)))),
      constructorArguments: contract.constructorArguments,
    };
  }
  const blocks = Object.values(contracts).flatMap(({block}) => (block === undefined ? [] : [block]));
  const {deployer, holder, multisig, guardian, arbiter, minimumBond, activationDelaySeconds} = set.settings;
  const {accessManager, timelock} = set;
  return {
    chainId: chain.id,
    chainKey: chain.key,
    startBlock: blocks.length === 0 ? 0 : Math.min(...blocks),
    roles: {deployer, holder, multisig, guardian, arbiter, accessManager, timelock},
    settings: {minimumBond: String(minimumBond), activationDelaySeconds},
    contracts,
  };
}

export function contractOf(set: ContractSet, name: DeployedName): SetContract {
  const found = set.contracts.get(name);
  if (found === undefined) throw new TypeError(`no contract ${name}`);
  return found;
}

function reaches(set: ContractSet, from: DeployedName, target: DeployedName): boolean {
  return from === target || contractOf(set, from).needs.some((name) => reaches(set, name, target));
}

function creationOf(name: DeployedName): string {
  return `Create ${name}`;
}

function creation({name, data, artifact, creationCode}: SetContract): TransactionStep {
  const bytes = BigInt(creationCode.length / 2);
  const runtimeBytes = BigInt(artifact.deployedBytecode.length / 2);
  const gas = CREATION_BASE_GAS + bytes * GAS_PER_CREATION_BYTE + runtimeBytes * GAS_PER_RUNTIME_BYTE;
  return {what: creationOf(name), to: CREATE2_FACTORY, data, gas};
}

function wiring(set: ContractSet): TransactionStep {
  return {
    what: 'Give the roles, and the administration to the timelock',
    to: contractOf(set, 'QUIVerRoles').address,
    data: set.wireData,
    gas: WIRE_GAS,
  };
}

async function isWired(chain: Chain, set: ContractSet, missing: readonly DeployedName[]): Promise<boolean> {
  if (missing.includes('QUIVerRoles')) return false;
  return chain.contract(quiverRolesAbi, contractOf(set, 'QUIVerRoles').address).read('wired', []);
}

function otherSet(missing: readonly DeployedName[]): QuiverError {
  return new QuiverError({
    code: 'DEPLOY_WIRED',
    message: `The roles have been given for good, and with these settings ${missing.join(', ')} would be new, without roles`,
    fix: 'Use the settings of before (quiver contracts status), or deploy another set from another account.',
    exit: EXIT.refused,
  });
}

function factoryMissing({profile}: Chain): QuiverError {
  return new QuiverError({
    code: 'FACTORY_MISSING',
    message: `${profile.chain.name} has no deterministic deployment proxy at ${CREATE2_FACTORY}`,
    fix: 'Deploy it first, as github.com/Arachnid/deterministic-deployment-proxy says; any account can.',
    exit: EXIT.failed,
  });
}
