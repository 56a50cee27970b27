import {spawnSync} from 'node:child_process';
import {accessSync, constants} from 'node:fs';
import {delimiter, join} from 'node:path';

/** Where Debian keeps each program that a test may need. */
const PACKAGES = {
  ip: 'iproute2',
  nft: 'nftables',
  turnserver: 'coturn',
  turnutils_uclient: 'coturn',
  turnutils_stunclient: 'coturn',
  turnutils_natdiscovery: 'coturn',
  turnutils_peer: 'coturn',
  chromium: 'chromium',
} as const;

export type Program = keyof typeof PACKAGES;

/**
 * What these programs lack, in words for the name of a skipped test, or undefined where all is there.
 * With CI=true always undefined: what is missing must fail there instead of being skipped.
 */
export function lacking(...programs: readonly (Program | 'root')[]): string | undefined {
  if (process.env['CI'] === 'true') return undefined;
  const missing = programs.filter((program) => (program === 'root' ? !isRoot() : !isInstalled(program)));
  if (missing.length === 0) return undefined;
  const words = missing.map((one) => (one === 'root' ? 'root' : `${one} (apt-get install ${PACKAGES[one]})`));
  return `needs ${words.join(', ')}`;
}

/** Whether what takes minutes is wanted: `QUIVER_DEEP=1`. */
export const DEEP = process.env['QUIVER_DEEP'] === '1';

function isInstalled(program: Program): boolean {
  const folders = (process.env['PATH'] ?? '').split(delimiter).concat('/usr/sbin', '/sbin');
  return folders.some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Root that may make network namespaces: in some containers it may not. */
function isRoot(): boolean {
  if (process.getuid?.() !== 0) return false;
  return spawnSync('unshare', ['--net', 'true']).status === 0;
}
