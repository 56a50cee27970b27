import {readdirSync, readFileSync, readlinkSync} from 'node:fs';

/** TCP ports that sockets of a process listen on. */
export function listeningPorts(pid: number): number[] {
  const inodes = new Set(descriptorsOf(pid));
  const lines = ['tcp', 'tcp6'].flatMap((file) => readFileSync(`/proc/${pid}/net/${file}`, 'utf8').split('\n'));
  const ports = lines
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , , state, , , , , , inode]) => state === '0A' && inodes.has(inode ?? ''))
    .map(([, local]) => Number.parseInt(local!.split(':')[1]!, 16));
  return [...new Set(ports)].toSorted((a, b) => a - b);
}

/** Inodes of its sockets. */
function descriptorsOf(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? [];
    } catch {
      return [];
    }
  });
}
