import {dirname} from 'node:path';

import {QuiverError} from './errors.ts';

interface Explanation {
  code: string;
  problem: string;
  fix: (path: string) => string;
}

const DENIED: Explanation = {
  code: 'FILE_DENIED',
  problem: 'This user may not use',
  fix: (path) => `ls -ld '${path}'   (then give another path, or mend its owner and mode)`,
};
const DISK_FULL: Explanation = {
  code: 'DISK_FULL',
  problem: 'The disk is full; there is no room for',
  fix: () => 'df -h   (then free some space, and run it again)',
};
const READ_ONLY: Explanation = {
  code: 'FILE_READ_ONLY',
  problem: 'The file system can only be read, so that nothing is written to',
  fix: () => 'Give another path; the folders of quiver move together with: export QUIVER_HOME=FOLDER',
};
const MISSING: Explanation = {
  code: 'FILE_MISSING',
  problem: 'There is no such file, or no folder for it:',
  fix: (path) => `ls -ld '${dirname(path)}'`,
};
const WRONG_KIND: Explanation = {
  code: 'FILE_KIND',
  problem: 'A file is where a folder should be, or the other way round:',
  fix: (path) => `ls -ld '${path}'`,
};
const LONG_NAME: Explanation = {
  code: 'FILE_NAME_LONG',
  problem: 'The system takes no name as long as',
  fix: () => 'Give a shorter path.',
};
const TOO_MANY: Explanation = {
  code: 'FILES_OPEN',
  problem: 'Too many files are open to open',
  fix: () => 'ulimit -n 65536   (in a systemd unit: LimitNOFILE=65536)',
};
const FAULTY: Explanation = {
  code: 'DISK_FAULT',
  problem: 'The disk does not read or write',
  fix: () => 'Look for its faults: sudo dmesg --level=err',
};

const BY_CODE = new Map([
  ['EACCES', DENIED],
  ['EPERM', DENIED],
  ['ENOSPC', DISK_FULL],
  ['EDQUOT', DISK_FULL],
  ['EROFS', READ_ONLY],
  ['ENOENT', MISSING],
  ['ENOTDIR', WRONG_KIND],
  ['EISDIR', WRONG_KIND],
  ['EEXIST', WRONG_KIND],
  ['ELOOP', WRONG_KIND],
  ['ENAMETOOLONG', LONG_NAME],
  ['EMFILE', TOO_MANY],
  ['ENFILE', TOO_MANY],
  ['EIO', FAULTY],
]);

/** What the operating system refused about a file, as an error that says what to do; undefined for anything else. */
export function explainFileError(error: unknown): QuiverError | undefined {
  if (!(error instanceof Error) || !('syscall' in error) || !('code' in error)) return undefined;
  const found = BY_CODE.get(String(error.code));
  if (found === undefined) return undefined;
  const path = 'path' in error ? String(error.path) : undefined;
  // A write to an open file names none; only what says enough without it is ours to explain.
  if (path === undefined && found !== DISK_FULL && found !== FAULTY) return undefined;
  const what = path ?? 'what is being written';
  const {code, problem, fix} = found;
  return new QuiverError({code, message: `${problem} ${what}`, fix: fix(what), cause: error});
}
