import type {DatabaseSync, StatementSync} from 'node:sqlite';

import {openDatabase} from '../../storage/database.ts';
import type {ChannelParties, ChannelsContract, SignedVoucher} from './voucher.ts';

/**
 * One row a channel: its newest voucher, whoever signed it. Balances are kept as 39 decimal digits, so that the
 * database compares them as numbers (SQLite's own integers end at 2^63).
 */
const MIGRATIONS = [
  `CREATE TABLE vouchers (
    chain TEXT NOT NULL,
    chain_id INTEGER NOT NULL,
    contract TEXT NOT NULL,
    channel BLOB NOT NULL,
    epoch INTEGER NOT NULL,
    payer TEXT NOT NULL,
    signer TEXT NOT NULL,
    provider TEXT NOT NULL,
    nonce TEXT NOT NULL,
    balance TEXT NOT NULL,
    signature BLOB NOT NULL,
    PRIMARY KEY (chain, contract, channel, epoch)
  );`,
];

/** Digits of 2^128 and more than those of 2^64. */
const DIGITS = 39;
const padded = (value: bigint): string => value.toString().padStart(DIGITS, '0');

/** Where vouchers of one channels contract on one chain are kept. */
export interface StoreScope {
  /** Tells two chains of one id apart, as local ones are. */
  chainKey: string;
  contract: ChannelsContract;
}

/**
 * The newest voucher of every channel that this machine pays through or is paid by. On the disk when a call returns,
 * and never replaced by an older one, so that neither side can lose what was signed last.
 */
export class ChannelStore {
  readonly #database: DatabaseSync;
  readonly #keep: StatementSync;
  readonly #extend: StatementSync;
  readonly #newest: StatementSync;

  /** Opens or makes the database; `:memory:` for one that is not kept. Throws the errors of `openDatabase`. */
  constructor(path: string) {
    this.#database = openDatabase({path, migrations: MIGRATIONS});
    const upsert = (isNewer: string): StatementSync =>
      this.#database.prepare(
        `INSERT INTO vouchers
           (chain, chain_id, contract, channel, epoch, payer, signer, provider, nonce, balance, signature)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (chain, contract, channel, epoch) DO UPDATE SET
           nonce = excluded.nonce, balance = excluded.balance, signature = excluded.signature
         WHERE ${isNewer}`,
      );
    // Only the balance pays: by its nonce a payer could make the provider drop a voucher that is worth more.
    this.#keep = upsert('excluded.balance > balance');
    this.#extend = upsert('excluded.balance > balance AND excluded.nonce > nonce');
    this.#newest = this.#database.prepare(
      'SELECT * FROM vouchers WHERE chain = ? AND contract = ? AND channel = ? AND epoch = ?',
    );
  }

  /** For the provider: keeps a voucher that was checked; false when the one that is here pays as much. */
  keep(scope: Pick<StoreScope, 'chainKey'>, signed: SignedVoucher): boolean {
    return write(this.#keep, scope, signed);
  }

  /** For the payer: keeps a voucher before it is handed out; false when another one was signed meanwhile. */
  extend(scope: Pick<StoreScope, 'chainKey'>, signed: SignedVoucher): boolean {
    return write(this.#extend, scope, signed);
  }

  /** The newest voucher of an opening of a channel. */
  newest({chainKey, contract}: StoreScope, channelId: Uint8Array, epoch: number): SignedVoucher | undefined {
    const row = this.#newest.get(chainKey, contract.address, channelId, epoch);
    return row === undefined ? undefined : fromRow(row);
  }

  close(): void {
    this.#database.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function write(
  statement: StatementSync,
  {chainKey}: Pick<StoreScope, 'chainKey'>,
  {contract, parties, voucher, signature}: SignedVoucher,
): boolean {
  const {changes} = statement.run(
    chainKey,
    contract.chainId,
    contract.address,
    voucher.channelId,
    voucher.epoch,
    parties.payer,
    parties.signer,
    parties.provider,
    padded(voucher.nonce),
    padded(voucher.balance),
    signature,
  );
  return Number(changes) > 0;
}

function fromRow(row: Record<string, unknown>): SignedVoucher {
  const parties: ChannelParties = {
    payer: String(row['payer']),
    signer: String(row['signer']),
    provider: String(row['provider']),
  };
  return {
    contract: {chainId: Number(row['chain_id']), address: String(row['contract'])},
    parties,
    voucher: {
      channelId: row['channel'] as Uint8Array,
      epoch: Number(row['epoch']),
      nonce: BigInt(String(row['nonce'])),
      balance: BigInt(String(row['balance'])),
    },
    signature: row['signature'] as Uint8Array,
  };
}
