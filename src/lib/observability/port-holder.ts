import {readFile, readdir, readlink} from 'node:fs/promises';
import {basename} from 'node:path';

/** A machine with more processes than this is asked by its administrator, not by us. */
const PROCESS_LIMIT = 20_000;
const LISTENING = '0A';
/** The state of a bound UDP socket that is connected to nobody. */
const UNCONNECTED = '07';

export interface PortHolder {
  pid: number;
  /** Name of its program, as the kernel knows it. */
  program: string;
}

/**
 * Who listens on a port of this machine; undefined where it can't be known: not on Linux, or another user's process.
 * Reads /proc/net and /proc/<pid>/fd (proc(5)).
 */
export async function findPortHolder(port: number, transport: 'tcp' | 'udp' = 'tcp'): Promise<PortHolder | undefined> {
  const inodes = await listeningInodes(port, transport);
  if (inodes.size === 0) return undefined;
  const pids = (await list('/proc')).filter((name) => /^\d+$/.test(name)).slice(0, PROCESS_LIMIT);
  for (const pid of pids) {
    if (!(await holdsOne(pid, inodes))) continue;
    return {pid: Number(pid), program: await programOf(pid)};
  }
  return undefined;
}

/** What was started; the name of the main thread, which says the same but for Node's, only where that is not told. */
async function programOf(pid: string): Promise<string> {
  const [started = ''] = (await text(`/proc/${pid}/cmdline`)).split('\0');
  return basename(started) || (await text(`/proc/${pid}/comm`)).trim();
}

/** `taken by "nginx" (pid 12)`, or without the name where it can't be known; for error messages. */
export async function describePortHolder(port: number, transport: 'tcp' | 'udp' = 'tcp'): Promise<string> {
  const holder = await findPortHolder(port, transport);
  if (holder === undefined) return 'taken by another process';
  return `taken by ${JSON.stringify(holder.program)} (pid ${holder.pid})`;
}

async function listeningInodes(port: number, transport: 'tcp' | 'udp'): Promise<Set<string>> {
  const state = transport === 'tcp' ? LISTENING : UNCONNECTED;
  const hexPort = port.toString(16).toUpperCase().padStart(4, '0');
  const inodes = new Set<string>();
  for (const table of [transport, `${transport}6`]) {
    for (const line of (await text(`/proc/net/${table}`)).split('\n').slice(1)) {
      const fields = line.trim().split(/\s+/);
      const inode = fields[9];
      if (fields[1]?.endsWith(`:${hexPort}`) === true && fields[3] === state && inode !== undefined) inodes.add(inode);
    }
  }
  return inodes;
}

async function holdsOne(pid: string, inodes: ReadonlySet<string>): Promise<boolean> {
  for (const descriptor of await list(`/proc/${pid}/fd`)) {
    const target = await readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => '');
    const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1];
    if (inode !== undefined && inodes.has(inode)) return true;
  }
  return false;
}

/** Empty where it is missing, gone meanwhile or not ours to see. */
function list(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => []);
}

function text(file: string): Promise<string> {
  return readFile(file, 'utf8').catch(() => '');
}
