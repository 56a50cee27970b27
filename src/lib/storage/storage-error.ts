import {QuiverError} from '../core/errors.ts';

/** Primary result codes of SQLite (sqlite.org/rescode.html); extended ones carry theirs in the low byte. */
const SQLITE_BUSY = 5;
const SQLITE_LOCKED = 6;
const SQLITE_READONLY = 8;
const SQLITE_IOERR = 10;
const SQLITE_CORRUPT = 11;
const SQLITE_FULL = 13;
const SQLITE_CANTOPEN = 14;
const SQLITE_NOTADB = 26;
const PRIMARY_CODE_MASK = 0xff;

interface Explanation {
  code: string;
  problem: string;
  fix: (path: string) => string;
}

const FULL: Explanation = {
  code: 'STORE_FULL',
  problem: 'has no room to grow: the disk is full',
  fix: (path) => `Free some space, then run the command again; what is full: df -h '${path}'`,
};
const CORRUPT: Explanation = {
  code: 'STORE_CORRUPT',
  problem: 'is damaged or not a database',
  // A write-ahead log that stays behind would be taken for the new one's.
  fix: (path) =>
    `Keep it aside, and a new one is made: mv '${path}' '${path}.damaged'; rm -f '${path}-wal' '${path}-shm'`,
};
const LOCKED: Explanation = {
  code: 'STORE_LOCKED',
  problem: 'is in use by another process',
  fix: () => 'Run it again in a moment; see what runs with: quiver status',
};
const READ_ONLY: Explanation = {
  code: 'STORE_READ_ONLY',
  problem: 'can not be written to by this user',
  fix: (path) => `Run as its owner, or: chmod u+rw '${path}'`,
};

const FAULTY: Explanation = {
  code: 'STORE_FAULT',
  problem: 'cannot be read or written: its disk is full or fails',
  fix: (path) => `Look whether it is full: df -h '${path}'; or whether it fails: sudo dmesg --level=err`,
};

const BY_SQLITE_CODE = new Map([
  [SQLITE_BUSY, LOCKED],
  [SQLITE_LOCKED, LOCKED],
  [SQLITE_READONLY, READ_ONLY],
  [SQLITE_CANTOPEN, READ_ONLY],
  [SQLITE_IOERR, FAULTY],
  [SQLITE_CORRUPT, CORRUPT],
  [SQLITE_NOTADB, CORRUPT],
  [SQLITE_FULL, FULL],
]);

const BY_SYSTEM_CODE = new Map([
  ['ENOSPC', FULL],
  ['EDQUOT', FULL],
  ['EIO', FAULTY],
  ['EACCES', READ_ONLY],
  ['EPERM', READ_ONLY],
  ['EROFS', READ_ONLY],
]);

/**
 * Does `work` on the database at `path`, and makes of its foreseeable failures errors that say what to do:
 * STORE_FULL, STORE_FAULT, STORE_CORRUPT, STORE_LOCKED, STORE_READ_ONLY. Anything else is thrown as it is.
 */
export function explainingStorage<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const found = explanation(error);
    if (found === undefined) throw error;
    throw new QuiverError({
      code: found.code,
      message: `The database ${path} ${found.problem}`,
      fix: found.fix(path),
      cause: error,
    });
  }
}

function explanation(error: unknown): Explanation | undefined {
  if (!(error instanceof Error)) return undefined;
  if ('errcode' in error && typeof error.errcode === 'number') {
    return BY_SQLITE_CODE.get(error.errcode & PRIMARY_CODE_MASK);
  }
  return 'code' in error && typeof error.code === 'string' ? BY_SYSTEM_CODE.get(error.code) : undefined;
}
