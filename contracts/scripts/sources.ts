// Which contracts are built, and the compiler input of each: its own sources and nothing else, so that a change to one
// contract leaves the bytecode of the others as it was, and an explorer can be given exactly what was compiled.
import {createHash} from 'node:crypto';
import {globSync, readFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import path from 'node:path';

export const CONTRACTS_FOLDER = path.dirname(import.meta.dirname);

/** From npm as they are: what ours are deployed behind and governed by. */
const FROM_OPENZEPPELIN = [
  '@openzeppelin/contracts/access/manager/AccessManager.sol',
  '@openzeppelin/contracts/governance/TimelockController.sol',
  '@openzeppelin/contracts/proxy/ERC1967/ERC1967Proxy.sol',
];

/** As the profile `production` of hardhat.config.ts. */
export const SETTINGS = {
  evmVersion: 'cancun',
  metadata: {bytecodeHash: 'none', appendCBOR: false},
  optimizer: {enabled: true, runs: 10_000},
  viaIR: true,
};

const OUTPUT = [
  'abi',
  'evm.bytecode.object',
  'evm.deployedBytecode.object',
  'evm.deployedBytecode.immutableReferences',
  'storageLayout',
];

export interface ContractSource {
  name: string;
  /** Its name for the compiler, e.g. `src/QUIVToken.sol`. */
  source: string;
}

export interface CompilerInput {
  language: 'Solidity';
  sources: Record<string, {content: string}>;
  settings: object;
}

const require = createRequire(import.meta.url);
const IMPORT = /^\s*import\s[^"']*["']([^"']+)["']/gm;

/** Every contract that is named like its file below `src`, and those from OpenZeppelin. */
export function listContracts(): ContractSource[] {
  const own = globSync('src/*.sol', {cwd: CONTRACTS_FOLDER}).filter((file) => {
    return new RegExp(`^contract ${path.basename(file, '.sol')}\\b`, 'm').test(readSource(file));
  });
  return [...own.sort(), ...FROM_OPENZEPPELIN].map((source) => ({name: path.basename(source, '.sol'), source}));
}

export function compilerInput({name, source}: ContractSource): CompilerInput {
  const found = new Map<string, {content: string}>();
  collect(source, found);
  return {
    language: 'Solidity',
    sources: Object.fromEntries([...found].sort(([a], [b]) => (a < b ? -1 : 1))),
    settings: {...SETTINGS, outputSelection: {[source]: {[name]: OUTPUT}}},
  };
}

/** Tells whether an artifact was made from these sources, without compiling. */
export function inputHash(input: CompilerInput): string {
  return createHash('sha256').update(JSON.stringify(input)).digest('hex');
}

function collect(source: string, found: Map<string, {content: string}>): void {
  if (found.has(source)) return;
  const content = readSource(source);
  found.set(source, {content});
  for (const [, target = ''] of content.matchAll(IMPORT)) {
    collect(target.startsWith('.') ? path.posix.join(path.posix.dirname(source), target) : target, found);
  }
}

function readSource(source: string): string {
  const file = source.startsWith('@') ? require.resolve(source) : path.join(CONTRACTS_FOLDER, source);
  return readFileSync(file, 'utf8');
}
