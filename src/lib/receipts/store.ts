import {closeSync, fdatasync, openSync} from 'node:fs';
import type {DatabaseSync, StatementSync} from 'node:sqlite';
import {promisify} from 'node:util';

import {toHex} from '../core/bytes.ts';
import {decodeReceipt, encodeReceipt, receiptDigest} from '../records/receipt.ts';
import {CLOCK_SKEW_MS} from '../records/record-error.ts';
import type {ReceiptFinish} from '../records/field-kinds.ts';
import type {SignedReceipt} from '../records/receipt.ts';
import {openDatabase} from '../storage/database.ts';
import {explainingStorage} from '../storage/storage-error.ts';
import {receiptAmbiguous, receiptsNone, receiptUnknown} from './errors.ts';

const dataSync = promisify(fdatasync);

/** Digests and request ids are kept as hex text without 0x, so that a prefix is a range of the index. */
const MIGRATIONS = [
  `CREATE TABLE receipts (
    position INTEGER PRIMARY KEY,
    digest TEXT NOT NULL UNIQUE,
    request_id TEXT NOT NULL,
    client TEXT NOT NULL,
    provider TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    finish TEXT NOT NULL,
    issued_at INTEGER NOT NULL,
    model TEXT,
    salt BLOB,
    encoded BLOB NOT NULL,
    UNIQUE (request_id, client, provider)
  );
  CREATE INDEX receipts_by_pair ON receipts (client, provider, issued_at);
  CREATE INDEX receipts_by_time ON receipts (issued_at);`,
];

/** Most receipts that one question to the store gives. */
export const RECEIPTS_PAGE_MAX = 1_000;

/** Fewest digits of an identity that are looked up; fewer would match by chance. */
const PREFIX_MIN_DIGITS = 4;

/** What this machine knows of a request and the receipt does not say. */
export interface ReceiptNotes {
  /** Name under which the model was asked for. */
  model?: string;
  /** Salt of the receipt's hashes; known to client and provider only. */
  salt?: Uint8Array;
}

export interface StoredReceipt extends ReceiptNotes {
  /** Rises in the order in which requests were first stored. */
  position: number;
  /** EIP-712 digest, `0x` hex. */
  digest: string;
  signed: SignedReceipt;
}

export interface ReceiptFilter {
  /** Peer ids. */
  client?: string;
  provider?: string;
  model?: string;
  finish?: ReceiptFinish;
  /** ms since the epoch, both inclusive. */
  since?: number;
  until?: number;
}

export interface ReceiptPage {
  /** @default RECEIPTS_PAGE_MAX, which is also the most */
  limit?: number;
  /** Only those stored before this position (for newest first) or after it (for oldest first). */
  beyond?: number;
  /** @default 'newest' */
  first?: 'newest' | 'oldest';
}

/** The receipts of this machine's requests and answers, one for each request of a client to a provider. */
export class ReceiptStore {
  readonly #path: string;
  readonly #database: DatabaseSync;
  /** The write-ahead log, open for syncs only; none in memory, on file systems that can't have one, and once closed. */
  #log: number | undefined;
  #syncing: Promise<unknown> = Promise.resolve();
  #nextSync: Promise<void> | undefined;
  /** Why the last sync failed. */
  #fault: Error | undefined;
  readonly #put: StatementSync;
  readonly #last: StatementSync;
  readonly #prefix: StatementSync;

  /** Opens or makes the database; `:memory:` for one that is not kept. Throws the errors of `openDatabase`. */
  constructor(path: string) {
    this.#path = path;
    this.#database = openDatabase({path, migrations: MIGRATIONS});
    // A sync takes milliseconds in which all other answers would stand still: where there is a log, `synced` waits for it.
    if (this.#database.prepare('PRAGMA journal_mode').get()?.['journal_mode'] === 'wal') {
      this.#database.exec('PRAGMA synchronous=NORMAL');
      this.#log = openSync(`${path}-wal`, 'r+');
    }
    // The last receipt of a request stands: it covers all before it. An equal sequence never replaces.
    this.#put = this.#database.prepare(
      `INSERT INTO receipts (digest, request_id, client, provider, sequence, finish, issued_at, model, salt, encoded)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (request_id, client, provider) DO UPDATE SET
         digest = excluded.digest, sequence = excluded.sequence, finish = excluded.finish,
         issued_at = excluded.issued_at, encoded = excluded.encoded,
         model = coalesce(excluded.model, model), salt = coalesce(excluded.salt, salt)
       WHERE excluded.sequence > sequence`,
    );
    this.#last = this.#database.prepare(
      `SELECT * FROM receipts WHERE client = ? AND provider = ? AND finish <> 'running' AND issued_at <= ?
         ORDER BY issued_at DESC LIMIT 1`,
    );
    // 'g' sorts after every hex digit.
    this.#prefix = this.#database.prepare(
      `SELECT * FROM receipts WHERE (digest >= ?1 AND digest < ?1 || 'g')
         OR (request_id >= ?1 AND request_id < ?1 || 'g') LIMIT 2`,
    );
  }

  /**
   * Keeps a receipt that was verified, in place of an earlier one of the same request. Survives kill -9 from now on, and
   * a power cut once `synced` resolves. False when one of the same or a later sequence is here already.
   */
  put(signed: SignedReceipt, {model, salt}: ReceiptNotes = {}): boolean {
    const {receipt} = signed;
    const {changes} = this.#put.run(
      digits(receiptDigest(receipt)),
      digits(receipt.requestId),
      receipt.client,
      receipt.provider,
      receipt.sequence,
      receipt.finish,
      receipt.issuedAt,
      model ?? null,
      salt ?? null,
      encodeReceipt(signed),
    );
    return Number(changes) > 0;
  }

  /**
   * Resolves once everything that was put before is on the disk. Calls during one sync share the next.
   * Rejects with the errors of `openDatabase`.
   */
  synced(): Promise<void> {
    const log = this.#log;
    if (log === undefined) return Promise.resolve();
    this.#nextSync ??= this.#syncing.then(() => {
      this.#nextSync = undefined;
      const sync = this.#sync(log);
      this.#syncing = sync.catch(() => undefined);
      return sync;
    });
    return this.#nextSync;
  }

  /** Commits are in the log alone until SQLite copies them over, for which it syncs by itself. */
  async #sync(log: number): Promise<void> {
    try {
      if (this.#fault === undefined) return await dataSync(log);
      // What it could not write, the system takes for written the next time, and nothing in the log counts behind a gap.
      const row = this.#database.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get();
      if (row?.['busy'] !== 0) throw this.#fault;
      this.#fault = undefined;
    } catch (error) {
      this.#fault = error as Error;
      explainingStorage(this.#path, () => {
        throw error;
      });
    }
  }

  /**
   * The last finished receipt between two peers: what the client's next request names as its previous one.
   * None from the future, where a wrong clock may have put it: all that follow would be older than it.
   */
  last(client: string, provider: string, now = Date.now()): StoredReceipt | undefined {
    const row = this.#last.get(client, provider, now + CLOCK_SKEW_MS);
    return row === undefined ? undefined : fromRow(row);
  }

  /**
   * The receipt whose digest or request id begins with these hex digits, `0x` or not.
   * Throws `RECEIPT_UNKNOWN` or `RECEIPT_AMBIGUOUS`.
   */
  find(prefix: string): StoredReceipt {
    const wanted = prefix.replace(/^0x/, '').toLowerCase();
    if (!/^[0-9a-f]+$/.test(wanted) || wanted.length < PREFIX_MIN_DIGITS) throw receiptUnknown(prefix);
    const [row, second] = this.#prefix.all(wanted);
    if (row === undefined) throw receiptUnknown(prefix);
    if (second !== undefined) throw receiptAmbiguous(prefix);
    return fromRow(row);
  }

  /** The receipt with exactly this digest, 32 bytes. */
  get(digest: Uint8Array): StoredReceipt | undefined {
    const [row] = this.#database.prepare('SELECT * FROM receipts WHERE digest = ?').all(digits(digest));
    return row === undefined ? undefined : fromRow(row);
  }

  /** The receipt of the latest request. Throws `RECEIPTS_NONE` when there is none at all. */
  newest(): StoredReceipt {
    const [newest] = this.list({}, {limit: 1});
    if (newest === undefined) throw receiptsNone();
    return newest;
  }

  /** One page of the receipts that match. */
  list(
    filter: ReceiptFilter = {},
    {limit = RECEIPTS_PAGE_MAX, beyond, first = 'newest'}: ReceiptPage = {},
  ): StoredReceipt[] {
    const newest = first === 'newest';
    const conditions: [condition: string, value: string | number | undefined][] = [
      ['client = ?', filter.client],
      ['provider = ?', filter.provider],
      ['model = ?', filter.model],
      ['finish = ?', filter.finish],
      ['issued_at >= ?', filter.since],
      ['issued_at <= ?', filter.until],
      [newest ? 'position < ?' : 'position > ?', beyond],
    ];
    const given = conditions.filter(([, value]) => value !== undefined);
    const where = given.map(([condition]) => condition).join(' AND ') || 'TRUE';
    const order = newest ? 'DESC' : 'ASC';
    return this.#database
      .prepare(`SELECT * FROM receipts WHERE ${where} ORDER BY position ${order} LIMIT ?`)
      .all(...given.map(([, value]) => value ?? null), Math.min(limit, RECEIPTS_PAGE_MAX))
      .map(fromRow);
  }

  /** Every receipt that matches, oldest first, read a page at a time. */
  *all(filter: ReceiptFilter = {}): Generator<StoredReceipt> {
    for (let beyond = 0; ;) {
      const page = this.list(filter, {first: 'oldest', beyond});
      yield* page;
      const lastOne = page.at(-1);
      if (lastOne === undefined || page.length < RECEIPTS_PAGE_MAX) return;
      beyond = lastOne.position;
    }
  }

  close(): void {
    const log = this.#log;
    this.#log = undefined;
    if (log !== undefined) void (this.#nextSync ?? this.#syncing).catch(() => undefined).then(() => closeSync(log));
    this.#database.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function digits(bytes: Uint8Array): string {
  return toHex(bytes).slice(2);
}

function fromRow(row: Record<string, unknown>): StoredReceipt {
  const {position, digest, model, salt, encoded} = row;
  return {
    position: Number(position),
    digest: `0x${String(digest)}`,
    signed: decodeReceipt(encoded as Uint8Array),
    ...(typeof model === 'string' ? {model} : {}),
    ...(salt instanceof Uint8Array ? {salt} : {}),
  };
}
