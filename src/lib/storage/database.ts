import {mkdirSync} from 'node:fs';
import {dirname} from 'node:path';
import {DatabaseSync} from 'node:sqlite';

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
 */
export function openDatabase({path, migrations}: DatabaseOptions): DatabaseSync {
  if (path !== ':memory:') mkdirSync(dirname(path), {recursive: true, mode: 0o700});
  const database = new DatabaseSync(path, {timeout: BUSY_TIMEOUT_MS});
  database.exec('PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON');
  migrate(database, migrations);
  return database;
}

function migrate(database: DatabaseSync, migrations: readonly string[]): void {
  database.exec('BEGIN IMMEDIATE');
  try {
    const row = database.prepare('PRAGMA user_version').get();
    const done = Number(row?.['user_version'] ?? 0);
    for (const sql of migrations.slice(done)) database.exec(sql);
    if (migrations.length > done) database.exec(`PRAGMA user_version=${migrations.length}`);
    database.exec('COMMIT');
  } catch (error) {
    database.exec('ROLLBACK');
    throw error;
  }
}
