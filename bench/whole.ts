/*
 * The command line as its user meets it, whole processes: start-up beside a bare oclif command, `up` to ready,
 * a cold `infer` to its first token, and the memory of each role.
 *
 *   npm run build && node bench/whole.ts [--rounds 7]
 */
import {type ChildProcess, spawn, spawnSync} from 'node:child_process';
import {once} from 'node:events';
import {mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {parseArgs} from 'node:util';

const ROOT = join(import.meta.dirname, '..');
const RUN_JS = join(ROOT, 'bin', 'run.js');
const QUESTION = 'What is a relay node?';

const {values} = parseArgs({options: {rounds: {type: 'string', default: '7'}}});
const rounds = Number(values.rounds);
const home = mkdtempSync(join(tmpdir(), 'q-bench-'));
const environment = {...process.env, QUIVER_HOME: home, NODE_ENV: 'production'};

const median = (numbers: readonly number[]): number =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
const show = (name: string, value: number, unit: string): void =>
  console.log(`${name.padEnd(58)}${value.toFixed(value < 10 ? 2 : 0).padStart(8)} ${unit}`);

try {
  startUp();
  await network();
  await roles();
} finally {
  rmSync(home, {recursive: true, force: true});
}

/** User CPU of `--help`, in turn with the smallest oclif command there can be. */
function startUp(): void {
  const hello = helloWorld();
  const ours: number[] = [];
  const bare: number[] = [];
  for (let round = 0; round <= rounds; round += 1) {
    const [a, b] = [userMs([RUN_JS, '--help']), userMs([hello, '--help'])];
    if (round === 0) continue; // fills the compile cache
    ours.push(a);
    bare.push(b);
  }
  show('quiver --help, user CPU', median(ours), 'ms');
  show('bare oclif hello-world --help, user CPU', median(bare), 'ms');
  show('ratio', median(ours.map((one, i) => one / (bare[i] ?? one))), '× (goal ≤ 2)');
}

function helloWorld(): string {
  const folder = join(home, 'hello');
  mkdirSync(join(folder, 'commands'), {recursive: true});
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  const oclif = {bin: 'hello', dirname: 'hello', commands: './commands'};
  writeFileSync(join(folder, 'package.json'), JSON.stringify({name: 'hello', version: '1.0.0', type: 'module', oclif}));
  writeFileSync(
    join(folder, 'commands', 'world.js'),
    "import {Command} from '@oclif/core';\nexport default class World extends Command { async run() { this.log('hello'); } }\n",
  );
  const script = join(folder, 'run.js');
  writeFileSync(script, "import {execute} from '@oclif/core';\nawait execute({dir: import.meta.url});\n");
  return script;
}

function userMs(args: string[]): number {
  const child = spawnSync(
    '/usr/bin/env',
    ['bash', '-c', 'TIMEFORMAT=%U; time "$0" "$@" >/dev/null', process.execPath, ...args],
    {
      env: environment,
      encoding: 'utf8',
    },
  );
  return Number(child.stderr.trim().split('\n').at(-1)) * 1_000;
}

async function network(): Promise<void> {
  const ready: number[] = [];
  const first: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const [up, readyMs] = await timeTo(['up', '--json'], '"event":"ready"');
    ready.push(readyMs);
    const [infer, tokenMs] = await timeTo(['infer', QUESTION, '--json'], '"event":"token"');
    first.push(tokenMs);
    await once(infer, 'exit');
    await stop(up);
  }
  show('quiver up to ready', median(ready), 'ms (goal ≤ 3,000)');
  show('cold quiver infer to first token, network running', median(first), 'ms (goal ≤ 1,200)');
}

async function roles(): Promise<void> {
  const ports = ['--port', '0', '--quic-port', '0', '--ws-port', '0', '--webrtc-port', 'off', '--admin-port', '0'];
  for (const role of ['bootstrap', 'relay', 'provider']) {
    const [child] = await timeTo([role, 'start', ...ports, '--no-mdns', '--json'], '"event":"ready"');
    show(`memory of ${role} start, idle`, residentMiB(child.pid ?? 0), 'MiB');
    for (const pid of childrenOf(child.pid ?? 0)) show('  and its engine process', residentMiB(pid), 'MiB');
    await stop(child);
  }
  const [up] = await timeTo(['up', '--json'], '"event":"ready"');
  show('memory of up (bootstrap, relay, provider, client), idle', residentMiB(up.pid ?? 0), 'MiB');
  await stop(up);
}

/** Starts a command and takes the time until a line with `text` stands on its stdout. */
async function timeTo(args: string[], text: string): Promise<[ChildProcess, number]> {
  const before = performance.now();
  const child = spawn(process.execPath, [RUN_JS, ...args], {env: environment, stdio: ['ignore', 'pipe', 'pipe']});
  let seen = '';
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.stdout.on('data', (chunk: Buffer) => {
      seen = (seen + chunk.toString()).slice(-100_000);
      if (seen.includes(text)) resolve([child, performance.now() - before]);
    });
    child.on('exit', (code, signal) => {
      reject(new Error(`quiver ${args.join(' ')} ended early (${code ?? signal}): ${seen}${errors}`));
    });
  });
}

async function stop(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}

function residentMiB(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1_024;
}

function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);
}
