import type {DatabaseSync, StatementSync} from 'node:sqlite';

import {openDatabase} from '../../storage/database.ts';

const MIGRATIONS = [
  `CREATE TABLE genesis (only INTEGER PRIMARY KEY CHECK (only = 0), content TEXT NOT NULL) STRICT;
   CREATE TABLE block (
     number INTEGER PRIMARY KEY, timestamp INTEGER NOT NULL, raw TEXT, blocks INTEGER NOT NULL,
     interval INTEGER NOT NULL, hash TEXT NOT NULL
   ) STRICT;`,
];

/** Everything a chain is made from: the same content gives the same first block. */
export interface Genesis {
  /** Seconds since 1970. */
  timestamp: number;
  /** Addresses that have POL from the start. */
  accounts: string[];
}

/** One thing that happened: a transaction, which is a block of its own, or empty blocks. */
export interface Entry {
  /** Of the (last) block. */
  number: number;
  /** Of the (first) block, seconds since 1970. */
  timestamp: number;
  /** Signed transaction; undefined for empty blocks. */
  raw?: string;
  /** How many. */
  blocks: number;
  /** Seconds between them. */
  interval: number;
  /** Of the (last) block: proof that replaying gives the same chain. */
  hash: string;
}

/** The blocks of a local chain on disk; what was told to anyone is in it, also after kill -9. */
export class BlockJournal {
  readonly path: string;
  readonly #database: DatabaseSync;
  readonly #insert: StatementSync;

  /** Throws STORE_LOCKED when another process runs this chain. */
  constructor(path: string) {
    this.path = path;
    this.#database = openDatabase({path, migrations: MIGRATIONS});
    // One process owns a chain. A power cut may cost the last blocks, never more: no waiting for the disk each time.
    this.#database.exec('PRAGMA busy_timeout=500; PRAGMA locking_mode=EXCLUSIVE; PRAGMA synchronous=NORMAL');
    this.#database.exec('BEGIN IMMEDIATE; COMMIT');
    this.#insert = this.#database.prepare('INSERT INTO block VALUES (?, ?, ?, ?, ?, ?)');
  }

  /** What was written down first; `make` is asked on a new chain. */
  genesis(make: () => Genesis): Genesis {
    const row = this.#database.prepare('SELECT content FROM genesis').get();
    if (row !== undefined) return JSON.parse(String(row['content'])) as Genesis;
    const genesis = make();
    this.#database.prepare('INSERT INTO genesis VALUES (0, ?)').run(JSON.stringify(genesis));
    return genesis;
  }

  add({number, timestamp, raw, blocks, interval, hash}: Entry): void {
    this.#insert.run(number, timestamp, raw ?? null, blocks, interval, hash);
  }

  *entries(): Generator<Entry> {
    for (const row of this.#database.prepare('SELECT * FROM block ORDER BY number').iterate()) {
      yield {
        number: Number(row['number']),
        timestamp: Number(row['timestamp']),
        ...(row['raw'] !== null && {raw: String(row['raw'])}),
        blocks: Number(row['blocks']),
        interval: Number(row['interval']),
        hash: String(row['hash']),
      };
    }
  }

  close(): void {
    this.#database.close();
  }
}
