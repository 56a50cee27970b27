// Proves the asserts of the accounting cores in this folder with the compiler's model checker (CHC) and z3, and
// that it refutes a false one. Needs the program z3 (Debian and Ubuntu: apt-get install z3).
//   node contracts/smt/prove.ts
import {spawnSync} from 'node:child_process';
import {readFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import path from 'node:path';

interface Solc {
  compile(input: string, callbacks: {import: unknown; smtSolver: unknown}): string;
}
interface Message {
  severity: string;
  message: string;
  formattedMessage: string;
}

/** Work that one query may take: the same on every machine, unlike seconds. */
const RESOURCE_LIMIT = 50_000_000;
const QUERY_TIMEOUT_MS = 120_000;
const FOLDER = path.dirname(import.meta.dirname);
const CORES = [
  {file: 'smt/ChannelCore.sol', contracts: ['ChannelCore', 'ChannelCalls'], holds: true},
  {file: 'smt/LedgerCore.sol', contracts: ['LedgerCore', 'LedgerCalls'], holds: true},
  {file: 'smt/Refuted.sol', contracts: ['Refuted'], holds: false},
];

const solc = createRequire(import.meta.url)('solc') as Solc;

if (spawnSync('z3', ['--version']).status !== 0) {
  console.log('Proofs skipped: they need the program z3 (apt-get install z3).');
  process.exit(process.env['CI'] === 'true' ? 1 : 0);
}
for (const core of CORES) report(core, check(core.file, core.contracts));

function check(file: string, contracts: string[]): Message[] {
  const input = {
    language: 'Solidity',
    sources: {[file]: {content: read(file)}},
    settings: {
      outputSelection: {'*': {'*': []}},
      modelChecker: {
        contracts: {[file]: contracts},
        engine: 'chc',
        solvers: ['smtlib2'],
        targets: ['assert'],
        showProvedSafe: true,
        showUnproved: true,
        timeout: 0,
      },
    },
  };
  const output = solc.compile(JSON.stringify(input), {
    import: (name: string) => ({contents: read(name)}),
    smtSolver: (query: string) => ({contents: solve(query)}),
  });
  return (JSON.parse(output) as {errors?: Message[]}).errors ?? [];
}

/** By standard input; z3 leaves with an error when it is asked for the model of what has none, so only text counts. */
function solve(query: string): string {
  const options = [`rlimit=${RESOURCE_LIMIT}`, 'rewriter.pull_cheap_ite=true', 'fp.spacer.q3.use_qgen=true'];
  const more = ['fp.spacer.mbqi=false', 'fp.spacer.ground_pobs=false'];
  return spawnSync('z3', ['-smt2', '-in', ...options, ...more], {
    input: query,
    encoding: 'utf8',
    timeout: QUERY_TIMEOUT_MS,
    maxBuffer: 2 ** 28,
  }).stdout;
}

function read(name: string): string {
  return readFileSync(path.join(FOLDER, name), 'utf8');
}

function report({file, contracts, holds}: (typeof CORES)[number], messages: Message[]): void {
  const count = (text: RegExp): number => messages.filter(({message}) => text.test(message)).length;
  const proved = count(/Check is safe|Invariants? .* hold|verification target is safe|proved safe/i);
  const violated = count(/violation happens here/);
  const failed = messages.filter(
    ({severity, message}) => severity === 'error' || /might happen|could not/.test(message),
  );
  const right = failed.length === 0 && (holds ? violated === 0 && proved > 0 : violated > 0);
  console.log(`${right ? 'ok' : 'FAILED'}  ${contracts.join(', ')}: ${proved} safe, ${violated} violated`);
  if (right) return;
  for (const {formattedMessage} of messages) console.error(formattedMessage);
  console.error(`${file} is not what was expected.`);
  process.exitCode = 1;
}
