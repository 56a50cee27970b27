import type {DatabaseSync, StatementSync} from 'node:sqlite';

import {NotFoundError} from '@libp2p/interface';
import {BaseDatastore} from 'datastore-core';
import {Key, type Batch, type KeyQuery, type Pair, type Query} from 'interface-datastore';

import {QuiverError} from '../core/errors.ts';
import {openDatabase, transaction} from './database.ts';

/** Several times the peers and DHT records that a busy public node holds. */
const ROW_LIMIT = 50_000;
const SIZE_LIMIT_BYTES = 64 * 1024 * 1024;
/** Signed peer records and DHT values are a few KiB. */
const VALUE_LIMIT_BYTES = 256 * 1024;
/** Share that goes at once when a limit is reached, so that not every write has to make room. */
const PRUNED_SHARE = 0.1;
/** Keys that hold the node's own certificate keys (libp2p keychain, WebRTC-direct): strangers can't push them out. */
const KEPT = `key NOT GLOB '/pkcs8/*' AND key NOT GLOB '/info/*' AND key NOT GLOB '/libp2p/*'`;

const MIGRATIONS = [
  `CREATE TABLE entry (key TEXT PRIMARY KEY, value BLOB NOT NULL, written INTEGER NOT NULL) STRICT;
   CREATE INDEX entry_by_age ON entry (written);`,
];

export interface DatastoreOptions {
  /** @default 50_000 */
  rowLimit?: number;
  /** Of keys and values together. @default 64 MiB */
  sizeLimitBytes?: number;
}

/**
 * The store that libp2p keeps its peers and DHT records in, as one SQLite file.
 * Bounded: when it is full, what was written longest ago goes. Survives kill -9; a power cut may take the last writes,
 * which are all learnt again.
 */
export function createSqliteDatastore(path: string, options: DatastoreOptions = {}): SqliteDatastore {
  return new SqliteDatastore(path, options);
}

export class SqliteDatastore extends BaseDatastore {
  readonly #database: DatabaseSync;
  readonly #put: StatementSync;
  readonly #get: StatementSync;
  readonly #delete: StatementSync;
  readonly #rowLimit: number;
  readonly #sizeLimitBytes: number;
  #rows = 0;
  #sizeBytes = 0;
  /** Counts writes rather than time, so that order is exact and a changed clock harmless. */
  #sequence = 0;

  constructor(path: string, {rowLimit = ROW_LIMIT, sizeLimitBytes = SIZE_LIMIT_BYTES}: DatastoreOptions) {
    super();
    this.#rowLimit = rowLimit;
    this.#sizeLimitBytes = sizeLimitBytes;
    this.#database = openDatabase({path, migrations: MIGRATIONS});
    // Losing the last writes to a power cut is harmless here, and a sync to disk per peer met is not.
    this.#database.exec('PRAGMA synchronous=NORMAL');
    this.#put = this.#database.prepare('INSERT OR REPLACE INTO entry (key, value, written) VALUES (?, ?, ?)');
    this.#get = this.#database.prepare('SELECT value FROM entry WHERE key = ?');
    this.#delete = this.#database.prepare(
      'DELETE FROM entry WHERE key = ? RETURNING length(key) + length(value) AS size',
    );
    this.#measure();
  }

  override put(key: Key, value: Uint8Array): Key {
    const name = key.toString();
    if (value.byteLength > VALUE_LIMIT_BYTES) throw tooLarge(value.byteLength);
    this.#forget(name);
    this.#makeRoom(name.length + value.byteLength);
    this.#sequence += 1;
    this.#put.run(name, value, this.#sequence);
    this.#rows += 1;
    this.#sizeBytes += name.length + value.byteLength;
    return key;
  }

  override get(key: Key): Uint8Array {
    const row = this.#get.get(key.toString());
    if (row === undefined) throw new NotFoundError();
    return row['value'] as Uint8Array;
  }

  override has(key: Key): boolean {
    return this.#get.get(key.toString()) !== undefined;
  }

  override delete(key: Key): void {
    this.#forget(key.toString());
  }

  override batch(): Batch {
    const puts: Pair[] = [];
    const deletes: Key[] = [];
    return {
      put: (key, value) => void puts.push({key, value}),
      delete: (key) => void deletes.push(key),
      commit: () => {
        this.#atOnce(() => {
          for (const {key, value} of puts.splice(0)) this.put(key, value);
          for (const key of deletes.splice(0)) this.delete(key);
        });
      },
    };
  }

  override *_all({prefix = ''}: Query): Generator<Pair> {
    for (const key of this.#keys(prefix)) {
      const row = this.#get.get(key.toString());
      // Deleted since the keys were listed.
      if (row !== undefined) yield {key, value: row['value'] as Uint8Array};
    }
  }

  override _allKeys({prefix = ''}: KeyQuery): Generator<Key> {
    return this.#keys(prefix);
  }

  /** To be called after the node that uses it has stopped. */
  close(): void {
    if (this.#database.isOpen) this.#database.close();
  }

  *#keys(prefix: string): Generator<Key> {
    // All keys at once: a cursor left open would hold the database for as long as the reader takes.
    const statement = this.#database.prepare('SELECT key FROM entry WHERE substr(key, 1, ?) = ? ORDER BY key');
    for (const row of statement.all(prefix.length, prefix)) yield new Key(String(row['key']), false);
  }

  #forget(name: string): void {
    const row = this.#delete.get(name);
    if (row === undefined) return;
    this.#rows -= 1;
    this.#sizeBytes -= Number(row['size']);
  }

  #makeRoom(neededBytes: number): void {
    const oldest = `SELECT key FROM entry WHERE ${KEPT} ORDER BY written LIMIT ?`;
    while (this.#rows >= this.#rowLimit || this.#sizeBytes + neededBytes > this.#sizeLimitBytes) {
      const prune = this.#database.prepare(`DELETE FROM entry WHERE key IN (${oldest})`);
      const {changes} = prune.run(Math.max(1, Math.ceil(this.#rows * PRUNED_SHARE)));
      this.#measure();
      // What is left is the node's own.
      if (changes === 0) return;
    }
  }

  #measure(): void {
    const row = this.#database
      .prepare('SELECT count(*) AS n, total(length(key) + length(value)) AS size, max(written) AS last FROM entry')
      .get();
    this.#rows = Number(row?.['n'] ?? 0);
    this.#sizeBytes = Number(row?.['size'] ?? 0);
    this.#sequence = Math.max(this.#sequence, Number(row?.['last'] ?? 0));
  }

  #atOnce(work: () => void): void {
    try {
      transaction(this.#database, work);
    } catch (error) {
      this.#measure();
      throw error;
    }
  }
}

function tooLarge(sizeBytes: number): QuiverError {
  return new QuiverError({
    code: 'STORE_VALUE_TOO_LARGE',
    message: `A value of ${sizeBytes} bytes is too large for the peer store`,
    fix: `Store at most ${VALUE_LIMIT_BYTES} bytes under one key.`,
  });
}
