import {closeSync, mkdirSync, openSync} from 'node:fs';
import {dirname} from 'node:path';
import {DatabaseSync, type StatementSync} from 'node:sqlite';

import {QuiverError} from '../core/errors.ts';
import {explainingStorage} from './storage-error.ts';

/** How long a writer waits for another process's lock before it fails, in ms. */
const BUSY_TIMEOUT_MS = 5_000;

export interface DatabaseOptions {
  /** A file path, or ':memory:'. Missing folders are made, private to the user. */
  path: string;
  /** SQL scripts, applied once each in this order; append only, never edit one that was released. */
  migrations: readonly string[];
}

/**
 * Opens a SQLite database in WAL mode and brings its schema up to date.
 * `synchronous=FULL`, so that what was committed is still there after kill -9 or a power cut.
 * Errors, here and from every later `exec`, `run`, `get` and `all`: STORE_FULL, STORE_FAULT, STORE_CORRUPT,
 * STORE_LOCKED, STORE_READ_ONLY; here also STORE_NEWER.
 */
export function openDatabase({path, migrations}: DatabaseOptions): DatabaseSync {
  return explainingStorage(path, () => {
    if (path !== ':memory:') makePrivateFile(path);
    const database = new DatabaseSync(path, {timeout: BUSY_TIMEOUT_MS});
    try {
      database.exec('PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON');
      migrate(database, migrations, path);
      return explainLater(database, path);
    } catch (error) {
      database.close();
      throw error;
    }
  });
}

/** Does `work` in one transaction: all of it is kept, or none. */
export function transaction<T>(database: DatabaseSync, work: () => T): T {
  database.exec('BEGIN IMMEDIATE');
  try {
    const result = work();
    database.exec('COMMIT');
    return result;
  } catch (error) {
    // A full disk rolls back by itself.
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

/** SQLite gives its side files the mode of the database. */
function makePrivateFile(path: string): void {
  mkdirSync(dirname(path), {recursive: true, mode: 0o700});
  closeSync(openSync(path, 'a', 0o600));
}

function migrate(database: DatabaseSync, migrations: readonly string[], path: string): void {
  transaction(database, () => {
    const row = database.prepare('PRAGMA user_version').get();
    const done = Number(row?.['user_version'] ?? 0);
    if (done > migrations.length) throw newer(path);
    for (const sql of migrations.slice(done)) database.exec(sql);
    if (migrations.length > done) database.exec(`PRAGMA user_version=${migrations.length}`);
  });
}

/** Replaces the calls that touch the disk, so that callers get explained errors without doing anything for it. */
function explainLater(database: DatabaseSync, path: string): DatabaseSync {
  const exec = database.exec.bind(database);
  const prepare = database.prepare.bind(database);
  database.exec = (sql) => explainingStorage(path, () => exec(sql));
  database.prepare = (sql, options) =>
    explainStatement(
      explainingStorage(path, () => prepare(sql, options)),
      path,
    );
  return database;
}

function explainStatement(statement: StatementSync, path: string): StatementSync {
  for (const name of ['run', 'get', 'all'] as const) {
    const call = statement[name].bind(statement) as (...values: unknown[]) => unknown;
    const value = (...values: unknown[]): unknown => explainingStorage(path, () => call(...values));
    Object.defineProperty(statement, name, {value});
  }
  return statement;
}

function newer(path: string): QuiverError {
  return new QuiverError({
    code: 'STORE_NEWER',
    message: `The database ${path} was written by a newer quiver`,
    fix: 'Use that version again, or a newer one: npm install --global @quiver-network/quiver',
  });
}
