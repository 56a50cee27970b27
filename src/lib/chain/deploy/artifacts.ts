import {readFile} from 'node:fs/promises';

import {QuiverError} from '../../core/errors.ts';
import type {AbiItem} from '../abi-types.ts';

/** Beside the sources, and beside dist in an installed package. */
const FOLDER = new URL('../../../../contracts/artifacts/', import.meta.url);

/** What the build of a contract left; see contracts/scripts/build.ts. */
export interface Artifact {
  contractName: string;
  /** `src/QUIVToken.sol`. */
  sourceName: string;
  /** `0.8.37+commit.f401782d`. */
  compiler: string;
  settings: object;
  /** Names of all sources it was compiled from. */
  sources: string[];
  abi: AbiItem[];
  /** Creation code without the constructor's arguments. */
  bytecode: string;
  deployedBytecode: string;
  /** Where the code on chain differs: values that the constructor put there, in bytes. */
  immutableReferences: {start: number; length: number}[];
}

export const CONTRACT_NAMES = [
  'QUIVToken',
  'QUIVerRoles',
  'QUIVerChannels',
  'QUIVerSettlement',
  'QUIVerStaking',
  'AccessManager',
  'TimelockController',
  'ERC1967Proxy',
] as const;

export type ContractName = (typeof CONTRACT_NAMES)[number];

export async function loadArtifact(name: ContractName): Promise<Artifact> {
  return (await readJson(`${name}.json`)) as Artifact;
}

/** The input that the compiler was given for a contract, which explorers ask for. */
export async function standardJson({sources, settings}: Artifact): Promise<object> {
  const all = new Map(Object.entries((await readJson('sources/sources.json')) as Record<string, string>));
  const output = {'*': {'*': ['abi', 'evm.bytecode', 'evm.deployedBytecode', 'metadata']}};
  return {
    language: 'Solidity',
    sources: Object.fromEntries(sources.map((name) => [name, {content: all.get(name) ?? ''}])),
    settings: {...settings, outputSelection: output},
  };
}

async function readJson(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(new URL(file, FOLDER), 'utf8'));
  } catch (cause) {
    throw new QuiverError({
      code: 'ARTIFACT_MISSING',
      message: `The built contract ${file} is missing from this installation`,
      fix: 'Install quiver again; in a checkout: npm run contracts:build',
      cause,
    });
  }
}
