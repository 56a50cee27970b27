import {mkdir, readFile, rename, rm, writeFile} from 'node:fs/promises';
import {connect} from 'node:net';
import {dirname} from 'node:path';

import {toJson} from '../core/json.ts';
import type {ServiceInfo} from './service.ts';

/** A local connect succeeds or fails at once; only a machine out of breath takes longer. */
const PING_DEADLINE_MS = 2_000;

/** State letter of a process that has ended and whose parent has not asked how (proc(5)). */
const ZOMBIE = 'Z';

/** What a running process leaves for other commands to read, as JSON in `<run>/<profile>.json`. */
export interface RunFile {
  profile: string;
  version: string;
  pid: number;
  /** ISO 8601. */
  startedAt: string;
  /** The control socket's path. */
  socket?: string;
  /** The admin server's URL. */
  admin?: string;
  /** As they were when the process became ready. */
  services: ServiceInfo[];
}

/** Writes it whole or not at all, readable for its owner only. */
export async function writeRunFile(path: string, run: RunFile): Promise<void> {
  await mkdir(dirname(path), {recursive: true, mode: 0o700});
  const draft = `${path}.${process.pid}.draft`;
  await writeFile(draft, `${toJson({...run, startTicks: await startTicks(run.pid)}, 2)}\n`, {mode: 0o600});
  await rename(draft, path);
}

/**
 * What runs, as its run file says; `live` is false for one that a killed process left behind.
 * Undefined when there is none, or it can't be read as one.
 */
export async function readRunFile(path: string): Promise<(RunFile & {live: boolean}) | undefined> {
  const text = await readFile(path, 'utf8').catch(() => '');
  const run = parse(text);
  if (run === undefined) return undefined;
  const {startTicks: ticks, ...rest} = run;
  return {...rest, live: await isLive(run, ticks)};
}

/** Removes the file if `pid` wrote it, not one that a later process put in its place. */
export async function removeRunFile(path: string, pid: number): Promise<void> {
  const run = parse(await readFile(path, 'utf8').catch(() => ''));
  if (run?.pid === pid) await rm(path, {force: true});
}

/** Whether somebody listens on a Unix socket. */
export async function answersAt(socketPath: string): Promise<boolean> {
  const {promise, resolve} = Promise.withResolvers<boolean>();
  const socket = connect(socketPath);
  socket.setTimeout(PING_DEADLINE_MS, () => resolve(true));
  socket.once('connect', () => resolve(true));
  socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'EACCES' || error.code === 'EAGAIN'));
  const answers = await promise;
  socket.destroy();
  return answers;
}

/** Whether a process with this id is at work, whoever owns it; one that has ended and was not collected is not. */
export async function isRunning(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    const isOthers = error instanceof Error && 'code' in error && error.code === 'EPERM';
    if (!isOthers) return false;
  }
  return (await statFields(pid))[0] !== ZOMBIE;
}

/** A pid is used again after a while, so the process must also have the same start time, and answer on its socket. */
async function isLive(run: RunFile, ticks: number | undefined): Promise<boolean> {
  if (!(await isRunning(run.pid))) return false;
  if (ticks !== undefined && ticks !== (await startTicks(run.pid))) return false;
  return run.socket === undefined || answersAt(run.socket);
}

/** Start time in clock ticks since boot (field 22); undefined elsewhere than on Linux. */
async function startTicks(pid: number): Promise<number | undefined> {
  const ticks = (await statFields(pid))[19];
  return ticks === undefined ? undefined : Number(ticks);
}

/** The fields of /proc/<pid>/stat from the third, the state, on (proc(5)); the second may hold blanks and brackets. */
async function statFields(pid: number): Promise<string[]> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return stat === '' ? [] : stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

function parse(text: string): (RunFile & {startTicks?: number}) | undefined {
  try {
    const run: unknown = JSON.parse(text);
    return isRunFile(run) ? run : undefined;
  } catch {
    return undefined;
  }
}

function isRunFile(value: unknown): value is RunFile {
  if (typeof value !== 'object' || value === null) return false;
  const {pid, services} = value as Record<string, unknown>;
  return Number.isInteger(pid) && Number(pid) > 0 && Array.isArray(services);
}
