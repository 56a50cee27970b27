// Runs Slither (PyPI: slither-analyzer) over contracts/src and fails on any finding that slither.triage.json does not
// explain. Slither cannot run the npm compiler, so it is given a build-info as Hardhat 2 wrote it, and compiles nothing.
//   node contracts/scripts/slither.ts            checks; SLITHER names the program where it is not on the PATH
//   node contracts/scripts/slither.ts --write    writes docs/slither.md from the triage and what was found
import {spawnSync} from 'node:child_process';
import {mkdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import path from 'node:path';

import {compilerInput, CONTRACTS_FOLDER, listContracts, SETTINGS} from './sources.ts';
import {explain, page, readTriage, type Finding} from './slither-triage.ts';

const ROOT = path.dirname(CONTRACTS_FOLDER);
const WORK_FOLDER = path.join(ROOT, 'build', 'contracts', 'slither');
const REPORT = path.join(WORK_FOLDER, 'report.json');
const PAGE = path.join(CONTRACTS_FOLDER, 'docs', 'slither.md');
const PROGRAM = process.env['SLITHER'] ?? 'slither';
/** Slither reads the syntax trees only; these fields must be there all the same. */
const NO_CODE = {bytecode: {object: '', sourceMap: ''}, deployedBytecode: {object: '', sourceMap: ''}};

interface CompilerOutput {
  errors?: {severity: string; formattedMessage: string}[];
  contracts: Record<string, Record<string, object>>;
}

interface Report {
  success: boolean;
  error: string | null;
  results: {detectors?: Finding[]};
}

const solc = createRequire(import.meta.url)('solc') as {compile(input: string): string; version(): string};

rmSync(WORK_FOLDER, {recursive: true, force: true});
mkdirSync(path.join(WORK_FOLDER, 'build-info'), {recursive: true});
writeFileSync(path.join(WORK_FOLDER, 'build-info', 'quiver.json'), JSON.stringify(buildInfo()));
// By this file the folder is taken for a project of Hardhat's.
writeFileSync(path.join(WORK_FOLDER, 'hardhat.config.js'), '');
const findings = analyse();
const triage = readTriage();
if (process.argv.includes('--write')) writeFileSync(PAGE, page(triage, findings));
const {unexplained, unused} = explain(triage, findings);
for (const {check, impact, description} of unexplained) console.error(`${impact} ${check}: ${description.trim()}\n`);
for (const {detector, place} of unused) console.error(`Explained but no longer found: ${detector} at ${place}`);
const explained = findings.length - unexplained.length;
console.log(`${findings.length} findings, ${explained} explained, ${unexplained.length} not.`);
if (unexplained.length + unused.length > 0) process.exitCode = 1;

/** Own sources as `contracts/src/…`, relative to the repository's root, where OpenZeppelin's are found as well. */
function buildInfo(): object {
  const own = listContracts().filter(({source}) => source.startsWith('src/'));
  const named = own.flatMap((contract) => Object.entries(compilerInput(contract).sources));
  const sources = Object.fromEntries(
    named.map(([name, source]) => [name.startsWith('src/') ? `contracts/${name}` : name, source]),
  );
  const settings = {...SETTINGS, outputSelection: {'*': {'': ['ast'], '*': ['abi']}}};
  const input = {language: 'Solidity', sources, settings};
  const output = JSON.parse(solc.compile(JSON.stringify(input))) as CompilerOutput;
  const wrong = (output.errors ?? []).filter(({severity}) => severity === 'error');
  if (wrong.length > 0) throw new Error(wrong.map(({formattedMessage}) => formattedMessage).join('\n'));
  for (const contract of Object.values(output.contracts).flatMap((file) => Object.values(file))) {
    Object.assign(contract, {evm: NO_CODE});
  }
  return {solcVersion: solc.version().replace(/\+.*/, ''), input, output};
}

function analyse(): Finding[] {
  const options = ['--ignore-compile', '--npx-disable', '--fail-none', '--json', REPORT];
  const places = ['--hardhat-artifacts-directory', '.'];
  const config = ['--config-file', path.join(CONTRACTS_FOLDER, 'slither.config.json')];
  // Without Hardhat on the PATH its configuration is not asked for: the folders are given.
  const env = {...process.env, PATH: withoutNodeModules()};
  const {error, stderr} = spawnSync(PROGRAM, [path.relative(ROOT, WORK_FOLDER), ...options, ...places, ...config], {
    cwd: ROOT,
    env,
    encoding: 'utf8',
  });
  if (error !== undefined) {
    throw new Error(`${PROGRAM} does not start (${error.message}). Fix: pip install slither-analyzer, or set SLITHER.`);
  }
  const report = readReport(stderr);
  if (!report.success) throw new Error(`Slither failed: ${report.error ?? stderr}`);
  return [...(report.results.detectors ?? []), ...unread(stderr)];
}

/** Functions that Slither gave up on: it says so on stderr alone, and then finds nothing in them. */
function unread(stderr: string): Finding[] {
  const functions = new Set([...stderr.matchAll(/Impossible to generate IR for (\S+)/g)].map(([, name = '']) => name));
  return [...functions].map((name) => ({
    check: 'not-analysed',
    impact: 'Unknown',
    description: `Slither could not read ${name}`,
    elements: [{type: 'function', name, source_mapping: {filename_relative: ''}}],
  }));
}

function withoutNodeModules(): string {
  const folders = (process.env['PATH'] ?? '').split(path.delimiter);
  return folders.filter((folder) => !folder.includes('node_modules')).join(path.delimiter);
}

function readReport(stderr: string): Report {
  try {
    return JSON.parse(readFileSync(REPORT, 'utf8')) as Report;
  } catch (cause) {
    throw new Error(`Slither wrote no report:\n${stderr}`, {cause});
  }
}
