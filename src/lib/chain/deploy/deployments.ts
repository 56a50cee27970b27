import {readFile} from 'node:fs/promises';
import {join} from 'node:path';

import type {Places} from '../../config/places.ts';
import {QuiverError} from '../../core/errors.ts';
import {toJson} from '../../core/json.ts';
import {replaceFile} from '../../core/private-file.ts';
import type {DeployedName} from './contract-set.ts';

export interface DeployedContract {
  address: string;
  /** Transaction that created it; undefined where it was there already. */
  transaction?: string;
  block?: number;
  /** keccak256 of its ABI as JSON, to tell versions apart. */
  abiHash: string;
  /** What its constructor was given, ABI-encoded. */
  constructorArguments: string;
}

/** What stands on the chain of a profile: written by `contracts deploy`, read by every command about money. */
export interface Deployments {
  /** EIP-155 chain id. */
  chainId: number;
  /** As `Chain.key`: addresses of one local chain mean nothing on the next. */
  chainKey: string;
  /** No event of the contracts is older. */
  startBlock: number;
  /** Who governs: roles by name, and the contracts that hold them. */
  roles: {
    deployer: string;
    holder: string;
    multisig: string;
    guardian: string;
    arbiter: string;
    accessManager: string;
    timelock: string;
  };
  settings: {minimumBond: string; activationDelaySeconds: number};
  contracts: Partial<Record<DeployedName, DeployedContract>>;
}

/** The contracts that commands about money use. */
export interface MoneyAddresses {
  token: string;
  staking: string;
  settlement: string;
  channels: string;
  startBlock: number;
}

export function deploymentsFile(places: Places, profile: string): string {
  return join(places.data, 'deployments', `${profile}.json`);
}

/** What was deployed on the chain of a profile; undefined when nothing was. Throws DEPLOYMENTS_DAMAGED. */
export async function readDeployments(places: Places, profile: string): Promise<Deployments | undefined> {
  const path = deploymentsFile(places, profile);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const content = JSON.parse(text) as Deployments;
    if (typeof content.chainKey === 'string' && typeof content.contracts === 'object') return content;
  } catch {
    // Said below, for both.
  }
  throw new QuiverError({
    code: 'DEPLOYMENTS_DAMAGED',
    message: `The list of deployed contracts in ${path} is damaged`,
    fix: `Move it away and deploy again, which finds what is there: mv '${path}' '${path}.damaged' && quiver contracts deploy`,
  });
}

export async function writeDeployments(places: Places, profile: string, deployments: Deployments): Promise<string> {
  const path = deploymentsFile(places, profile);
  await replaceFile(path, `${toJson(deployments, 2)}\n`);
  return path;
}

/** What was deployed on the chain that is connected. Throws CONTRACTS_MISSING, DEPLOYMENTS_DAMAGED. */
export async function requireDeployments(
  places: Places,
  chain: {key: string; profile: {name: string}},
): Promise<Deployments> {
  const {name} = chain.profile;
  const deployments = await readDeployments(places, name);
  if (deployments === undefined) throw missing(name, 'no contracts are known');
  if (deployments.chainKey !== chain.key) throw missing(name, 'the contracts that are known are on another chain');
  return deployments;
}

/** The addresses on the chain that is connected. Throws CONTRACTS_MISSING. */
export async function loadMoneyAddresses(
  places: Places,
  profile: string,
  chain: {key: string},
): Promise<MoneyAddresses> {
  const deployments = await requireDeployments(places, {key: chain.key, profile: {name: profile}});
  const {QUIVToken, QUIVerStaking, QUIVerSettlement, QUIVerChannels} = deployments.contracts;
  if (
    QUIVToken === undefined ||
    QUIVerStaking === undefined ||
    QUIVerSettlement === undefined ||
    QUIVerChannels === undefined
  ) {
    throw missing(profile, 'not all contracts are deployed');
  }
  return {
    token: QUIVToken.address,
    staking: QUIVerStaking.address,
    settlement: QUIVerSettlement.address,
    channels: QUIVerChannels.address,
    startBlock: deployments.startBlock,
  };
}

function missing(profile: string, why: string): QuiverError {
  return new QuiverError({
    code: 'CONTRACTS_MISSING',
    message: `On the network ${profile} ${why}`,
    fix:
      profile === 'local'
        ? 'quiver up   (or: quiver contracts deploy)'
        : `quiver contracts deploy --profile ${profile}`,
  });
}
