/** Where a run takes place: a network namespace of its own when we may make one, else loopback addresses. */
import {spawnSync} from 'node:child_process';
import {writeFileSync} from 'node:fs';

const INSIDE = 'QUIVER_BENCH_NETWORK';

export interface Place {
  /** Peers in 127.0.0.0/8 are refused by default, those in a namespace of our own look like any host. */
  loopback: boolean;
  /** The first octet of every address in the run: all of them are this host. */
  octet: number;
  server(i: number): string;
  client: string;
  peer: string;
}

/**
 * Runs this program again inside a new network namespace and gives its exit code, or undefined when the caller is
 * inside already or can't make one.
 */
export function moveIntoNamespace(): number | undefined {
  if (process.env[INSIDE] !== undefined || process.getuid?.() !== 0) return undefined;
  if (spawnSync('unshare', ['--net', 'ip', 'link', 'set', 'lo', 'up']).status !== 0) return undefined;
  // 11.0.0.0/8 is in no list of special addresses, and here every address of it is this host.
  const setUp = 'ip link set lo up && ip route add local 11.0.0.0/8 dev lo && exec "$@"';
  const again = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  const env = {...process.env, [INSIDE]: 'own'};
  return spawnSync('unshare', ['--net', 'sh', '-c', setUp, 'sh', ...again], {stdio: 'inherit', env}).status ?? 1;
}

export function place(): Place {
  const octet = process.env[INSIDE] === undefined ? 127 : 11;
  return {
    loopback: octet === 127,
    octet,
    server: (i) => `${octet}.0.1.${i + 1}`,
    client: `${octet}.0.2.1`,
    peer: `${octet}.0.3.1`,
  };
}

/** The load keeps to the first CPU and servers to the others, so that they don't take turns on one. */
export function pinSelf(cpus: number): void {
  if (cpus > 1) spawnSync('taskset', ['-pc', '0', String(process.pid)]);
  // Short sleeps of the paced load end on time.
  writeFileSync('/proc/self/timerslack_ns', '1');
}
