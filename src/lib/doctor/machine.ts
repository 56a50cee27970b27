import {readFile, stat} from 'node:fs/promises';

import {fail, ok, warn, type Check} from './check.ts';

const LOWEST_NODE = [24, 15] as const;
/** File systems and time zones of network shares are off by less; a wrong clock is usually off by days or years. */
const CLOCK_TOLERANCE_MS = 3_600_000;
/** A public node holds some thousand connections, each a descriptor, beside files and pipes. */
const ENOUGH_OPEN_FILES = 4_096;
const TIMESYNCD = '/run/systemd/timesync';

export function nodeCheck(version: string): Check {
  return {
    name: 'node',
    run() {
      const [major = 0, minor = 0] = version.replace(/^v/, '').split('.').map(Number);
      const [needMajor, needMinor] = LOWEST_NODE;
      const enough = major > needMajor || (major === needMajor && minor >= needMinor);
      return enough ? ok(version) : fail(`${version} is too old`, `Install Node ${LOWEST_NODE.join('.')} or newer.`);
    },
  };
}

/**
 * Compares the clock with what this machine itself knows: nothing on its disk can be younger than now, and the time
 * service says whether it is in step. Bids and manifests of a node whose clock is off are refused by others.
 */
export function clockCheck(knownFiles: readonly string[], nowMs = Date.now()): Check {
  return {
    name: 'clock',
    async run() {
      const times = await Promise.all(
        knownFiles.map((file) =>
          stat(file).then(
            ({mtimeMs}) => mtimeMs,
            () => 0,
          ),
        ),
      );
      const newestMs = Math.max(0, ...times);
      const now = new Date(nowMs).toISOString();
      const fix = 'sudo timedatectl set-ntp true   (or set the clock by hand)';
      if (newestMs > nowMs + CLOCK_TOLERANCE_MS) {
        return fail(`says ${now}, but a file here was written at ${new Date(newestMs).toISOString()}`, fix);
      }
      const hasService = await exists(TIMESYNCD);
      if (hasService && !(await exists(`${TIMESYNCD}/synchronized`))) return warn(`${now}, never synchronised`, fix);
      return ok(now);
    },
  };
}

/** The limit of open files, from /proc/self/limits (proc(5)). */
export function openFilesCheck(limitsFile = '/proc/self/limits'): Check {
  return {
    name: 'open files',
    async run() {
      const text = await readFile(limitsFile, 'utf8').catch(() => '');
      const soft = /^Max open files\s+(\S+)/m.exec(text)?.[1];
      if (soft === undefined) return ok('limit not known on this platform');
      if (soft === 'unlimited' || Number(soft) >= ENOUGH_OPEN_FILES) return ok(`limit ${soft}`);
      const fix = 'ulimit -n 65536   (in a systemd unit: LimitNOFILE=65536)';
      return warn(`at most ${soft}, too few for a public node`, fix);
    },
  };
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
