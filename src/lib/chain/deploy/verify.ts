import {getAddress} from 'ethers';

import {fromHex} from '../../core/bytes.ts';
import type {Chain} from '../chain.ts';
import {loadArtifact, type Artifact, type ContractName} from './artifacts.ts';
import {DEPLOYED, type DeployedName} from './contract-set.ts';
import type {Deployments} from './deployments.ts';

/** EIP-1967: keccak256('eip1967.proxy.implementation') - 1. */
const IMPLEMENTATION_SLOT = '0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc';

/** Names in the deployments file whose code is that of an artifact with another name. */
const ARTIFACT_OF: Readonly<Record<DeployedName, ContractName>> = {
  QUIVToken: 'QUIVToken',
  QUIVerRoles: 'QUIVerRoles',
  QUIVerChannels: 'QUIVerChannels',
  QUIVerSettlement: 'QUIVerSettlement',
  QUIVerStakingImplementation: 'QUIVerStaking',
  QUIVerStaking: 'ERC1967Proxy',
};

export interface CodeCheck {
  name: string;
  address: string;
  /** `missing`: no code there; `different`: not what this version builds. */
  state: 'same' | 'different' | 'missing';
  detail?: string;
}

/**
 * Compares what is on the chain with what this version of the contracts builds, byte for byte, without asking anyone
 * but the chain. Values that a constructor put into the code are left out on both sides.
 */
export async function verifyOffline(chain: Chain, deployments: Deployments): Promise<CodeCheck[]> {
  const checks: CodeCheck[] = [];
  for (const name of DEPLOYED) {
    const deployed = deployments.contracts[name];
    if (deployed !== undefined) checks.push(await checkCode(chain, name, deployed.address, ARTIFACT_OF[name]));
  }
  const {accessManager, timelock} = deployments.roles;
  if (deployments.contracts.QUIVerRoles !== undefined) {
    checks.push(await checkCode(chain, 'AccessManager', accessManager, 'AccessManager'));
    checks.push(await checkCode(chain, 'TimelockController', timelock, 'TimelockController'));
  }
  const {QUIVerStaking: proxy, QUIVerStakingImplementation: implementation} = deployments.contracts;
  if (proxy !== undefined && implementation !== undefined) {
    checks.push(await checkProxy(chain, proxy.address, implementation.address));
  }
  return checks;
}

export function artifactOf(name: DeployedName): Promise<Artifact> {
  return loadArtifact(ARTIFACT_OF[name]);
}

async function checkCode(chain: Chain, name: string, address: string, built: ContractName): Promise<CodeCheck> {
  const [code, artifact] = await Promise.all([chain.code(address), loadArtifact(built)]);
  if (code === '0x') return {name, address, state: 'missing', detail: 'there is no code at this address'};
  const problem = difference(code, artifact);
  return problem === undefined ? {name, address, state: 'same'} : {name, address, state: 'different', detail: problem};
}

async function checkProxy(chain: Chain, address: string, wanted: string): Promise<CodeCheck> {
  const name = 'QUIVerStaking → implementation';
  const slot = (await chain.request('eth_getStorageAt', [address, IMPLEMENTATION_SLOT, 'latest'])) as string;
  const found = getAddress(`0x${slot.slice(-40)}`);
  if (found === wanted) return {name, address: found, state: 'same'};
  return {
    name,
    address: found,
    state: 'different',
    detail: `it was deployed with ${wanted} and has been upgraded since`,
  };
}

/** Why code on chain isn't that of an artifact; undefined when it is. */
export function difference(code: string, {deployedBytecode, immutableReferences}: Artifact): string | undefined {
  const [onChain, built] = [fromHex(code), fromHex(deployedBytecode)];
  if (onChain === undefined || built === undefined) return 'one of them is not code';
  if (onChain.length !== built.length) return `it has ${onChain.length} bytes, the build has ${built.length}`;
  const masked = new Uint8Array(onChain);
  for (const {start, length} of immutableReferences) masked.set(built.subarray(start, start + length), start);
  const at = masked.findIndex((byte, index) => byte !== built[index]);
  return at === -1 ? undefined : `it differs from byte ${at} on`;
}
