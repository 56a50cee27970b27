import {type ChildProcess, spawn} from 'node:child_process';
import {once} from 'node:events';
import {mkdtempSync, readFileSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';

import type {Namespace} from './namespace.ts';

const START_DEADLINE_MS = 15_000;

export interface CoturnOptions {
  /** Where it listens and relays. */
  addresses: readonly string[];
  port: number;
  tls?: {port: number; certFile: string; keyFile: string};
  /** A second port, and with two addresses RFC 5780. */
  alternatePort?: number;
  realm?: string;
  /** Static users, `name:password`. */
  users?: readonly string[];
  /** For time-limited credentials. */
  secret?: string;
  /** The namespace to run in; else the machine's own network. */
  in?: Namespace;
  /** Another build than the one of the system. */
  program?: string;
  more?: readonly string[];
}

/** A coturn server, up until `stop`. */
export interface Coturn {
  readonly child: ChildProcess;
  readonly log: () => string;
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Starts coturn and waits until its ports are open. */
export async function startCoturn(options: CoturnOptions): Promise<Coturn> {
  const folder = mkdtempSync(join(tmpdir(), 'qv-coturn-'));
  const program = options.program ?? 'turnserver';
  const args = turnserverArguments(options, folder);
  const stdio = {stdio: ['ignore', 'pipe', 'pipe'] as ('ignore' | 'pipe')[], cwd: folder};
  const child = options.in?.spawn(program, args, stdio) ?? spawn(program, args, stdio);
  let log = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => (log += chunk.toString()));
  const ended = once(child, 'exit').catch(() => undefined);
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
    rmSync(folder, {recursive: true, force: true});
  };
  try {
    const ports = [options.port, options.tls?.port, options.alternatePort].filter((port) => port !== undefined);
    await untilListening(child, ports, options.addresses.length);
  } catch (error) {
    await stop();
    throw new Error(`${(error as Error).message}\n${log}`, {cause: error});
  }
  return {child, log: () => log, stop, [Symbol.asyncDispose]: stop};
}

function turnserverArguments(options: CoturnOptions, folder: string): string[] {
  const {addresses, port, tls, alternatePort, realm = 'lab.example', users = [], secret, more = []} = options;
  const own = `-n --log-file stdout --simple-log --pidfile ${folder}/pid -b ${folder}/db -p ${port} -r ${realm} -m 1`;
  return [
    ...own.split(' '),
    ...addresses.flatMap((address) => ['-L', address, '-E', address]),
    ...(alternatePort === undefined ? [] : [`--alt-listening-port=${alternatePort}`]),
    ...(tls === undefined
      ? ['--no-tls', '--no-dtls']
      : [`--tls-listening-port=${tls.port}`, '--cert', tls.certFile, '--pkey', tls.keyFile, '--no-dtls']),
    ...users.flatMap((user) => ['-u', user]),
    ...(users.length > 0 || secret !== undefined ? ['--lt-cred-mech'] : []),
    ...(secret === undefined ? [] : ['--use-auth-secret', `--static-auth-secret=${secret}`]),
    ...more,
  ];
}

/** Waits until a process's network has a TCP listener on every port, as many as it has addresses. */
export async function untilListening(child: ChildProcess, ports: readonly number[], addresses = 1): Promise<void> {
  const deadline = Date.now() + START_DEADLINE_MS;
  while (!ports.every((port) => listeners(child.pid, port) >= addresses)) {
    if (child.exitCode !== null || child.signalCode !== null)
      throw new Error(`ended early: ${child.spawnargs.join(' ')}`);
    if (Date.now() > deadline) throw new Error(`not listening on ${ports.join(', ')}: ${child.spawnargs.join(' ')}`);
    await sleep(20);
  }
}

function listeners(pid: number | undefined, port: number): number {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return ['tcp', 'tcp6']
    .flatMap((file) => readText(`/proc/${pid}/net/${file}`).split('\n'))
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local, , state]) => state === '0A' && local?.endsWith(suffix)).length;
}

/** Empty for the process that has just ended. */
function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
