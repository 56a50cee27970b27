/** The servers side by side, each a process of its own with the same user and realm. */
import {type ChildProcess, spawn, spawnSync} from 'node:child_process';
import {once} from 'node:events';
import {mkdtempSync, readdirSync, readFileSync, rmSync} from 'node:fs';
import {availableParallelism, tmpdir} from 'node:os';
import {join} from 'node:path';

import {type Address, type Login, message, METHOD} from './client.ts';
import type {Place} from './place.ts';
import type {Wire} from './wire.ts';

export const LOGIN: Login = {username: 'bench', password: 'a password for one run'};
export const REALM = 't.example';
const PORT = 3_478;
const READY_WITHIN_MS = 15_000;

export interface Kind {
  name: string;
  /** Undefined when it is not installed. */
  command: ((ip: string, place: Place, folder: string) => string[]) | undefined;
  version: string;
  /** Takes part in this row alone, and in no count of memory. */
  onlyIn?: string;
}

export interface Running {
  kind: Kind;
  address: Address;
  /** CPU time that all threads have used, in microseconds. */
  cpuUs(): number;
  residentKiB(): number;
  stop(): Promise<void>;
}

const script = (name: string): string => join(import.meta.dirname, name);

const ours = (name: string, engine: string, ...more: string[]): Kind => ({
  name,
  version: process.version,
  command: (ip, place) => [
    process.execPath,
    script('our-process.ts'),
    ip,
    String(PORT),
    REALM,
    LOGIN.username,
    LOGIN.password,
    `--engine=${engine}`,
    ...more,
    ...(place.loopback ? ['--allow-peer=127.0.0.0/8'] : []),
  ],
});

const coturn = (name: string, program: string): Kind => {
  const found = spawnSync(program, ['--version'], {encoding: 'utf8'});
  const version = /\d+\.\d+[\d.]*/.exec(found.stdout ?? '')?.[0] ?? '';
  return {
    name,
    version,
    command:
      found.error !== undefined
        ? undefined
        : (ip, place, folder) => [
            program,
            '-n',
            '--no-tls',
            '--no-dtls',
            '--no-cli',
            '--lt-cred-mech',
            '--relay-threads=1',
            `--listening-ip=${ip}`,
            `--relay-ip=${ip}`,
            `--listening-port=${PORT}`,
            `--realm=${REALM}`,
            `--user=${LOGIN.username}:${LOGIN.password}`,
            '--user-quota=0',
            '--total-quota=0',
            `--pidfile=${join(folder, 'pid')}`,
            `--userdb=${join(folder, 'db')}`,
            '--log-file=/dev/null',
            '--no-stdout-log',
            '--simple-log',
            ...(place.loopback ? ['--allow-loopback-peers'] : []),
          ],
  };
};

const nodeTurn: Kind = {
  name: 'node-turn',
  version: '0.0.6',
  command: (ip) => [
    process.execPath,
    join(import.meta.dirname, '../../test/support/lab/node-turn-process.ts'),
    ip,
    String(PORT),
    REALM,
    JSON.stringify({[LOGIN.username]: LOGIN.password}),
  ],
};

export const BASE = 'coturn';
export const TWO_WORKERS = 'dgram, 2 workers';
/** The row that two workers take part in. */
export const TWO_IN = 'both ways 160 B';

export function kinds(newerCoturn: string | undefined): Kind[] {
  return [
    coturn(BASE, 'turnserver'),
    ...(newerCoturn === undefined ? [] : [coturn('coturn (TURNSERVER)', newerCoturn)]),
    nodeTurn,
    ours('dgram', 'dgram'),
    {...ours(TWO_WORKERS, 'dgram', '--workers=2'), onlyIn: TWO_IN},
    ours('batch', 'batch', '--no-segmentation'),
    ours('batch+GSO', 'batch'),
  ];
}

export async function start(kind: Kind, i: number, place: Place, wire: Wire): Promise<Running> {
  const address = {ip: place.server(i), port: PORT};
  const folder = mkdtempSync(join(tmpdir(), 'q-turn-'));
  const [program = '', ...args] = kind.command?.(address.ip, place, folder) ?? [];
  const cpus = availableParallelism() > 1 ? ['taskset', '-c', `1-${availableParallelism() - 1}`] : [];
  const [first = program, ...rest] = [...cpus, program, ...args];
  const child = spawn(first, rest, {stdio: ['ignore', 'ignore', 'pipe'], cwd: folder});
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => (errors = (errors + chunk.toString()).slice(-4_000)));
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    }
    rmSync(folder, {recursive: true, force: true});
  };
  try {
    await answers(child, address, wire, place);
  } catch (error) {
    await stop();
    throw new Error(`${kind.name} does not start: ${errors}`, {cause: error});
  }
  const pid = child.pid ?? 0;
  return {kind, address, stop, cpuUs: () => cpuUs(pid), residentKiB: () => residentKiB(pid)};
}

async function answers(child: ChildProcess, address: Address, wire: Wire, place: Place): Promise<void> {
  const {fd} = wire.socket(place.client);
  try {
    for (const until = performance.now() + READY_WITHIN_MS; ;) {
      // Lets an exit and what was written to stderr be seen: asking blocks this thread.
      await new Promise((resolve) => setTimeout(resolve, 50));
      if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}`);
      try {
        wire.ask(fd, address, message(METHOD.binding, []), 250);
        return;
      } catch (error) {
        if (performance.now() > until) throw error;
      }
    }
  } finally {
    wire.close(fd);
  }
}

function cpuUs(pid: number): number {
  let ns = 0;
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    ns += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]);
  }
  return ns / 1_000;
}

function residentKiB(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
}
