import {parseAmount} from '../../core/units.ts';
import {interfaceOf} from '../contract.ts';
import {quiverRolesAbi} from '../gen/quiver-roles.ts';
import {quiverStakingAbi} from '../gen/quiver-staking.ts';
import {CONTRACT_NAMES, loadArtifact, type Artifact, type ContractName} from './artifacts.ts';
import {create2Address, create2Call, createAddress} from './create2.ts';

/** Who governs, who gets the tokens, and the settlement's fixed settings. */
export interface DeploySettings {
  /** Pays for it, and wires the roles. */
  deployer: string;
  /** Gets the whole supply. */
  holder: string;
  /** Proposes to and executes from the timelock of 48 hours; ends pauses. */
  multisig: string;
  /** Pauses deposits and submits, disables roots. */
  guardian: string;
  /** Decides on slash reports. */
  arbiter: string;
  /** Least bond of an aggregator, base units of QUIV. */
  minimumBond: bigint;
  /** Between a batch and its claims, in which the guardian can disable it. */
  activationDelaySeconds: number;
}

export const DEFAULT_SETTINGS = {
  minimumBond: parseAmount('10000'),
  /** Long enough for a watcher to rebuild the tree and for people to act on it. */
  activationDelaySeconds: 24 * 60 * 60,
};

/** The parts that are deployed, in the order in which they need one another. */
export const DEPLOYED = [
  'QUIVToken',
  'QUIVerRoles',
  'QUIVerChannels',
  'QUIVerSettlement',
  'QUIVerStakingImplementation',
  'QUIVerStaking',
] as const;

export type DeployedName = (typeof DEPLOYED)[number];

export interface SetContract {
  name: DeployedName;
  artifact: Artifact;
  /** Creation code with the constructor's arguments. */
  creationCode: string;
  constructorArguments: string;
  /** Calldata for the CREATE2 factory. */
  data: string;
  address: string;
  needs: readonly DeployedName[];
}

/** All contracts with the addresses that they will have: a function of the settings alone. */
export interface ContractSet {
  settings: DeploySettings;
  contracts: ReadonlyMap<DeployedName, SetContract>;
  /** Created by the roles contract. */
  accessManager: string;
  timelock: string;
  /** Calldata of `QUIVerRoles.wire`. */
  wireData: string;
}

const SALT = 'quiver/1/';
/** In the order in which the constructor of QUIVerRoles creates them. */
const TIMELOCK_NONCE = 1;
const MANAGER_NONCE = 2;

/** Who may call what; everything else that is restricted stays with the timelock. */
const GUARDED: Readonly<
  Record<'guardian' | 'arbiter' | 'resumer', {role: number; functions: Partial<Record<DeployedName, string[]>>}>
> = {
  guardian: {
    role: 1,
    functions: {QUIVerStaking: ['pause'], QUIVerChannels: ['pause'], QUIVerSettlement: ['pause', 'disableRoot']},
  },
  arbiter: {role: 2, functions: {QUIVerStaking: ['resolveSlash']}},
  resumer: {
    role: 3,
    functions: {QUIVerStaking: ['unpause'], QUIVerChannels: ['unpause'], QUIVerSettlement: ['unpause']},
  },
};

export async function contractSet(settings: DeploySettings): Promise<ContractSet> {
  const loaded = await Promise.all(CONTRACT_NAMES.map(async (name) => [name, await loadArtifact(name)] as const));
  const artifacts = new Map<ContractName, Artifact>(loaded);
  const {deployer, holder, multisig, guardian, arbiter, minimumBond, activationDelaySeconds} = settings;
  const contracts = new Map<DeployedName, SetContract>();
  const add = (
    name: DeployedName,
    from: ContractName,
    args: readonly unknown[],
    needs: readonly DeployedName[] = [],
  ): string => {
    const artifact = artifacts.get(from);
    if (artifact === undefined) throw new TypeError(`no artifact ${from}`);
    const constructorArguments = interfaceOf(artifact.abi).encodeDeploy([...args]);
    const creationCode = artifact.bytecode + constructorArguments.slice(2);
    const address = create2Address(SALT + name, creationCode);
    const data = create2Call(SALT + name, creationCode);
    contracts.set(name, {name, artifact, creationCode, constructorArguments, data, address, needs});
    return address;
  };
  const token = add('QUIVToken', 'QUIVToken', [holder]);
  const roles = add('QUIVerRoles', 'QUIVerRoles', [deployer, multisig, guardian, arbiter]);
  const accessManager = createAddress(roles, MANAGER_NONCE);
  const channels = add('QUIVerChannels', 'QUIVerChannels', [token, accessManager], ['QUIVToken', 'QUIVerRoles']);
  const settlementArgs = [token, channels, accessManager, minimumBond, activationDelaySeconds];
  add('QUIVerSettlement', 'QUIVerSettlement', settlementArgs, ['QUIVToken', 'QUIVerRoles', 'QUIVerChannels']);
  const implementation = add('QUIVerStakingImplementation', 'QUIVerStaking', [token], ['QUIVToken']);
  const initialize = interfaceOf(quiverStakingAbi).encodeFunctionData('initialize', [accessManager]);
  add('QUIVerStaking', 'ERC1967Proxy', [implementation, initialize], ['QUIVerRoles', 'QUIVerStakingImplementation']);
  const timelock = createAddress(roles, TIMELOCK_NONCE);
  return {settings, contracts, accessManager, timelock, wireData: wireData(contracts)};
}

function wireData(contracts: ReadonlyMap<DeployedName, SetContract>): string {
  const assignments = Object.values(GUARDED).flatMap(({role, functions}) =>
    Object.entries(functions).map(([name, functionNames]) => {
      const contract = contracts.get(name as DeployedName);
      // The proxy's functions are those of what is behind it.
      const abi = name === 'QUIVerStaking' ? quiverStakingAbi : (contract?.artifact.abi ?? []);
      const selectors = functionNames.map((one) => interfaceOf(abi).getFunction(one)?.selector ?? '0x');
      return {target: contract?.address, role, selectors};
    }),
  );
  return interfaceOf(quiverRolesAbi).encodeFunctionData('wire', [assignments]);
}
