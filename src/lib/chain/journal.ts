import {randomUUID} from 'node:crypto';
import type {DatabaseSync, SQLOutputValue} from 'node:sqlite';

import {openDatabase, transaction} from '../storage/database.ts';
import type {Receipt} from './chain.ts';
import type {StepStatus, TransactionPlan, TransactionStep} from './plan.ts';

const MIGRATIONS = [
  `CREATE TABLE plan (
     id TEXT PRIMARY KEY, chain TEXT NOT NULL, account TEXT NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL,
     title TEXT NOT NULL, created_ms INTEGER NOT NULL, open INTEGER NOT NULL
   ) STRICT;
   CREATE INDEX open_plan ON plan (chain, account, kind, key) WHERE open = 1;
   CREATE TABLE step (
     plan TEXT NOT NULL REFERENCES plan (id), position INTEGER NOT NULL, what TEXT NOT NULL, target TEXT NOT NULL,
     data TEXT NOT NULL, value TEXT NOT NULL, quiv TEXT NOT NULL, gas TEXT NOT NULL, status TEXT NOT NULL,
     nonce INTEGER, hash TEXT, block INTEGER, gas_used TEXT, fee TEXT, PRIMARY KEY (plan, position)
   ) STRICT;
   CREATE TABLE slot (
     chain TEXT NOT NULL, account TEXT NOT NULL, nonce INTEGER NOT NULL, plan TEXT NOT NULL, position INTEGER NOT NULL,
     PRIMARY KEY (chain, account, nonce)
   ) STRICT;
   CREATE TABLE attempt (
     hash TEXT PRIMARY KEY, plan TEXT NOT NULL, position INTEGER NOT NULL, raw TEXT NOT NULL, max_fee TEXT NOT NULL,
     priority_fee TEXT NOT NULL, signed_ms INTEGER NOT NULL
   ) STRICT;
   CREATE INDEX attempt_of ON attempt (plan, position);`,
];

/** A step of a plan as far as it has come. */
export interface JournalStep extends TransactionStep {
  position: number;
  status: StepStatus;
  nonce?: number;
  /** Of the transaction that was mined. */
  hash?: string;
  block?: number;
  gasUsed?: bigint;
  feePol?: bigint;
}

export interface JournalPlan {
  id: string;
  /** It was begun by an earlier run that did not finish it. */
  resumed: boolean;
  steps: JournalStep[];
}

/** One signed transaction of a step; there are several when it had to be sent again with a higher fee. */
export interface Attempt {
  hash: string;
  raw: string;
  maxFeePerGas: bigint;
  maxPriorityFeePerGas: bigint;
  signedMs: number;
}

type Row = Readonly<Record<string, SQLOutputValue>>;

/**
 * What was planned, signed, sent and mined, on disk before it happens: a transaction is written down before it is sent,
 * so that after a crash the same bytes are sent again and nothing is ever paid twice.
 * Errors: those of `openDatabase` (STORE_FULL and others), also from every method.
 */
export class TransactionJournal implements Disposable {
  readonly #database: DatabaseSync;

  constructor(path: string) {
    this.#database = openDatabase({path, migrations: MIGRATIONS});
  }

  /** Finds the open plan of the same chain, account, kind and key, or writes this one down. */
  begin(chain: string, plan: TransactionPlan): JournalPlan {
    return transaction(this.#database, () => {
      const found = this.#database
        .prepare('SELECT id FROM plan WHERE chain = ? AND account = ? AND kind = ? AND key = ? AND open = 1')
        .get(chain, plan.from, plan.kind, plan.key);
      if (found !== undefined) return {id: String(found['id']), resumed: true, steps: this.steps(String(found['id']))};
      const id = randomUUID();
      this.#database
        .prepare('INSERT INTO plan VALUES (?, ?, ?, ?, ?, ?, ?, 1)')
        .run(id, chain, plan.from, plan.kind, plan.key, plan.title, Date.now());
      const insert = this.#database.prepare(
        `INSERT INTO step (plan, position, what, target, data, value, quiv, gas, status)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'planned')`,
      );
      for (const [position, {what, to, data, value = 0n, quiv = 0n, gas = 0n}] of plan.steps.entries()) {
        insert.run(id, position, what, to, data, String(value), String(quiv), String(gas));
      }
      return {id, resumed: false, steps: this.steps(id)};
    });
  }

  steps(plan: string): JournalStep[] {
    const rows = this.#database.prepare('SELECT * FROM step WHERE plan = ? ORDER BY position').all(plan);
    return rows.map(readStep);
  }

  step(plan: string, position: number): JournalStep {
    const row = this.#database.prepare('SELECT * FROM step WHERE plan = ? AND position = ?').get(plan, position);
    if (row === undefined) throw new TypeError(`no step ${position} in plan ${plan}`);
    return readStep(row);
  }

  /** The open plan that is the same, with its steps as they were written down; undefined when there is none. */
  unfinished(chain: string, plan: Omit<TransactionPlan, 'steps' | 'title'>): JournalStep[] | undefined {
    const found = this.#database
      .prepare('SELECT id FROM plan WHERE chain = ? AND account = ? AND kind = ? AND key = ? AND open = 1')
      .get(chain, plan.from, plan.kind, plan.key);
    return found === undefined ? undefined : this.steps(String(found['id']));
  }

  /**
   * The first nonce from `least` on that no signed transaction of this account holds. Not the one above all of them: a
   * server that once told a nonce far too high would have all that follow wait behind it for ever.
   */
  freeNonce(chain: string, account: string, least: number): number {
    const held = this.#database
      .prepare(
        `SELECT slot.nonce FROM slot JOIN step USING (plan, position) WHERE chain = ? AND account = ?
         AND slot.nonce >= ? AND status IN ('signed', 'sent') AND step.nonce = slot.nonce ORDER BY slot.nonce`,
      )
      .all(chain, account, least);
    return held.reduce((free, row) => (row['nonce'] === free ? free + 1 : free), least);
  }

  /**
   * Keeps a signed transaction and its nonce, unless another process has meanwhile taken that nonce, or this step, for
   * a transaction of its own; `step` is then as the other left it.
   */
  signed(at: {chain: string; account: string; plan: string}, step: JournalStep, nonce: number, made: Attempt): boolean {
    return transaction(this.#database, () => {
      const current = this.step(at.plan, step.position);
      const holder = this.#database
        .prepare(
          `SELECT slot.plan, slot.position FROM slot JOIN step USING (plan, position) WHERE chain = ? AND account = ?
           AND slot.nonce = ? AND status IN ('signed', 'sent') AND step.nonce = slot.nonce`,
        )
        .get(at.chain, at.account, nonce);
      const free = holder === undefined || (holder['plan'] === at.plan && holder['position'] === step.position);
      const ours = current.status === 'planned' || (isLive(current) && current.nonce === nonce);
      if (!free || !ours) {
        Object.assign(step, current);
        return false;
      }
      this.#database
        .prepare('INSERT OR REPLACE INTO slot VALUES (?, ?, ?, ?, ?)')
        .run(at.chain, at.account, nonce, at.plan, step.position);
      const {hash, raw, maxFeePerGas, maxPriorityFeePerGas, signedMs} = made;
      this.#database
        .prepare('INSERT OR IGNORE INTO attempt VALUES (?, ?, ?, ?, ?, ?, ?)')
        .run(hash, at.plan, step.position, raw, String(maxFeePerGas), String(maxPriorityFeePerGas), signedMs);
      this.#setStatus(at.plan, step, 'signed', nonce);
      return true;
    });
  }

  sent(plan: string, step: JournalStep): void {
    this.#setStatus(plan, step, 'sent', step.nonce ?? null);
  }

  /** Its nonce was used by a transaction that is not ours: it will never be mined, and is planned again. */
  superseded(plan: string, step: JournalStep): void {
    transaction(this.#database, () => {
      this.#database.prepare('DELETE FROM attempt WHERE plan = ? AND position = ?').run(plan, step.position);
      this.#setStatus(plan, step, 'planned', null);
    });
    delete step.nonce;
  }

  mined(plan: string, step: JournalStep, receipt: Receipt): void {
    const fee = receipt.gasUsed * receipt.effectiveGasPrice;
    const status: StepStatus = receipt.ok ? 'mined' : 'failed';
    this.#database
      .prepare('UPDATE step SET status = ?, hash = ?, block = ?, gas_used = ?, fee = ? WHERE plan = ? AND position = ?')
      .run(status, receipt.hash, receipt.blockNumber, String(receipt.gasUsed), String(fee), plan, step.position);
    Object.assign(step, {
      status,
      hash: receipt.hash,
      block: receipt.blockNumber,
      gasUsed: receipt.gasUsed,
      feePol: fee,
    });
  }

  attempts(plan: string, step: Pick<JournalStep, 'position'>): Attempt[] {
    return this.#database
      .prepare('SELECT * FROM attempt WHERE plan = ? AND position = ? ORDER BY signed_ms, rowid')
      .all(plan, step.position)
      .map(readAttempt);
  }

  /** Newest signed transactions of other plans that are not known to be mined, lowest nonce first. */
  waiting(chain: string, account: string, except: string): Attempt[] {
    return this.#database
      .prepare(
        `SELECT attempt.* FROM slot JOIN step USING (plan, position) JOIN attempt USING (plan, position)
         WHERE chain = ? AND account = ? AND slot.plan <> ? AND status IN ('signed', 'sent') AND step.nonce = slot.nonce
         ORDER BY slot.nonce, signed_ms`,
      )
      .all(chain, account, except)
      .map(readAttempt);
  }

  /** Every step is done, or it ended for good: the same command starts anew. */
  finish(plan: string): void {
    this.#database.prepare('UPDATE plan SET open = 0 WHERE id = ?').run(plan);
  }

  close(): void {
    this.#database.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #setStatus(plan: string, step: JournalStep, status: StepStatus, nonce: number | null): void {
    this.#database
      .prepare('UPDATE step SET status = ?, nonce = ? WHERE plan = ? AND position = ?')
      .run(status, nonce, plan, step.position);
    step.status = status;
    if (nonce !== null) step.nonce = nonce;
  }
}

function isLive({status}: JournalStep): boolean {
  return status === 'signed' || status === 'sent';
}

function readStep(row: Row): JournalStep {
  const step: JournalStep = {
    position: Number(row['position']),
    what: String(row['what']),
    to: String(row['target']),
    data: String(row['data']),
    value: BigInt(String(row['value'])),
    quiv: BigInt(String(row['quiv'])),
    gas: BigInt(String(row['gas'])),
    status: String(row['status']) as StepStatus,
  };
  if (row['nonce'] !== null) step.nonce = Number(row['nonce']);
  if (row['hash'] !== null) step.hash = String(row['hash']);
  if (row['block'] !== null) step.block = Number(row['block']);
  if (row['gas_used'] !== null) step.gasUsed = BigInt(String(row['gas_used']));
  if (row['fee'] !== null) step.feePol = BigInt(String(row['fee']));
  return step;
}

function readAttempt(row: Row): Attempt {
  return {
    hash: String(row['hash']),
    raw: String(row['raw']),
    maxFeePerGas: BigInt(String(row['max_fee'])),
    maxPriorityFeePerGas: BigInt(String(row['priority_fee'])),
    signedMs: Number(row['signed_ms']),
  };
}
