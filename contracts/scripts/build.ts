// Builds the contracts for production and writes contracts/artifacts: one JSON a contract, and the sources they were
// compiled from, so that they can be deployed and verified without a compiler. Nothing is downloaded.
//   node contracts/scripts/build.ts           builds those whose sources changed
//   node contracts/scripts/build.ts --check   builds all and fails unless every file is what it would write
import {existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {Worker} from 'node:worker_threads';

import {abiModule, errorsModule, moduleName} from './abi-modules.ts';
import {
  compilerInput,
  CONTRACTS_FOLDER,
  inputHash,
  listContracts,
  SETTINGS,
  type CompilerInput,
  type ContractSource,
} from './sources.ts';

const FOLDER = path.join(CONTRACTS_FOLDER, 'artifacts');
/** Where src/lib/chain has its ABIs. */
const MODULES_FOLDER = path.resolve(CONTRACTS_FOLDER, '..', 'src', 'lib', 'chain', 'gen');
const ERRORS_FILE = path.join(MODULES_FOLDER, 'errors.ts');
const SOURCES_FILE = path.join(FOLDER, 'sources', 'sources.json');
/** Deployed, and never called under their own name. */
const UNCALLED: ReadonlySet<string> = new Set(['ERC1967Proxy', 'TimelockController']);
const WORKERS = 2;

interface Compiled {
  abi: object[];
  evm: {
    bytecode: {object: string};
    deployedBytecode: {object: string; immutableReferences: Record<string, {start: number; length: number}[]>};
  };
  storageLayout: {storage: object[]; types: object | null};
}

interface CompilerOutput {
  errors?: {severity: string; formattedMessage: string}[];
  contracts?: Record<string, Record<string, Compiled>>;
}

interface Job {
  contract: ContractSource;
  input: CompilerInput;
  file: string;
}

const check = process.argv.includes('--check');
const jobs: Job[] = listContracts().map((contract) => ({
  contract,
  input: compilerInput(contract),
  file: path.join(FOLDER, `${contract.name}.json`),
}));
const texts = new Map<string, string>();
const queue = check ? [...jobs] : jobs.filter(isStale);
console.log(queue.length === 0 ? 'All artifacts are up to date.' : `Compiling ${names(queue)} …`);
await Promise.all(Array.from({length: Math.min(WORKERS, queue.length)}, work));
texts.set(SOURCES_FILE, json(allSources()));
for (const job of jobs.filter(({contract}) => !UNCALLED.has(contract.name))) {
  texts.set(moduleFile(job), abiModule(job.contract.name, builtAbi(job)));
}
texts.set(ERRORS_FILE, errorsModule(jobs.map(builtAbi)));
if (check) compare();
else write();

function names(list: readonly Job[]): string {
  return list.map(({contract}) => contract.name).join(', ');
}

function isStale({input, file}: Job): boolean {
  if (!existsSync(file)) return true;
  const {inputHash: before} = JSON.parse(readFileSync(file, 'utf8')) as {inputHash?: string};
  return before !== inputHash(input);
}

function moduleFile({contract}: Job): string {
  return path.join(MODULES_FOLDER, `${moduleName(contract.name)}.ts`);
}

function builtAbi({file}: Job): object[] {
  return (JSON.parse(texts.get(file) ?? readFileSync(file, 'utf8')) as {abi: object[]}).abi;
}

async function work(): Promise<void> {
  const worker = new Worker(new URL('compile-worker.ts', import.meta.url));
  try {
    for (let job = queue.shift(); job !== undefined; job = queue.shift()) {
      const {promise, resolve, reject} = Promise.withResolvers<{version: string; output: string}>();
      worker.once('message', resolve);
      worker.once('error', reject);
      worker.postMessage(job.input);
      const {version, output} = await promise;
      worker.removeAllListeners('error');
      texts.set(job.file, artifact(job, version, JSON.parse(output) as CompilerOutput));
    }
  } finally {
    await worker.terminate();
  }
}

function artifact({contract, input}: Job, version: string, {errors = [], contracts}: CompilerOutput): string {
  const compiled = contracts?.[contract.source]?.[contract.name];
  if (errors.some(({severity}) => severity === 'error') || compiled === undefined) {
    throw new Error(`${contract.name}:\n${errors.map(({formattedMessage}) => formattedMessage).join('\n')}`);
  }
  const {abi, evm, storageLayout} = compiled;
  return json({
    contractName: contract.name,
    sourceName: contract.source,
    compiler: version.replace('.Emscripten.clang', ''),
    inputHash: inputHash(input),
    settings: SETTINGS,
    sources: Object.keys(input.sources),
    abi,
    bytecode: `0x${evm.bytecode.object}`,
    deployedBytecode: `0x${evm.deployedBytecode.object}`,
    immutableReferences: Object.values(evm.deployedBytecode.immutableReferences).flat(),
    storageLayout,
  });
}

/** Each source once, though several contracts share it. */
function allSources(): Record<string, string> {
  const all = jobs.flatMap(({input}) => Object.entries(input.sources).map(([name, {content}]) => [name, content]));
  return Object.fromEntries(all.sort(([a = ''], [b = '']) => (a < b ? -1 : 1)));
}

function write(): void {
  for (const file of texts.keys()) mkdirSync(path.dirname(file), {recursive: true});
  for (const file of orphans()) rmSync(file);
  for (const [file, text] of texts) writeFileSync(file, text);
}

function compare(): void {
  const wrong = [...texts].filter(([file, text]) => !existsSync(file) || readFileSync(file, 'utf8') !== text);
  const differing = [...wrong.map(([file]) => file), ...orphans()].map((file) => path.relative(CONTRACTS_FOLDER, file));
  if (differing.length > 0) {
    console.error(`Not what the sources give: ${differing.join(', ')}. Run: npm run contracts:build`);
    process.exitCode = 1;
  } else console.log(`${texts.size} files are byte for byte what the sources give.`);
}

/** What was written for contracts that are gone. */
function orphans(): string[] {
  const wanted = new Set([ERRORS_FILE, ...jobs.flatMap((job) => [job.file, moduleFile(job)])]);
  const found = globSync([path.join(FOLDER, '*.json'), path.join(MODULES_FOLDER, '*.ts')]);
  return found.filter((file) => !wanted.has(file));
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 1)}\n`;
}
