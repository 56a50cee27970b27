import {fromHex} from '../../core/bytes.ts';
import type {ReceiptNotes, ReceiptStore} from '../../receipts/store.ts';
import {receiptDigest} from '../../records/receipt.ts';
import type {SignedReceipt} from '../../records/receipt.ts';

/** Providers whose last receipt is at hand; looking one up in the store costs a good part of a millisecond. */
const MAX_REMEMBERED = 1_024;
const NONE = new Uint8Array(32);

/** Keeps a client's receipts, and knows which one the next request to a provider has to name. */
export class ReceiptBook {
  readonly client: string;
  readonly #store: ReceiptStore;
  readonly #last = new Map<string, Uint8Array>();

  constructor(client: string, store: ReceiptStore) {
    this.client = client;
    this.#store = store;
  }

  /** Digest of the last finished receipt from this provider, 32 bytes; zero for none. */
  previous(provider: string): Uint8Array {
    const known = this.#last.get(provider);
    if (known !== undefined) return known;
    const stored = this.#store.last(this.client, provider)?.digest;
    const digest = (stored === undefined ? undefined : fromHex(stored)) ?? NONE;
    this.#remember(provider, digest);
    return digest;
  }

  /** On the disk when this resolves. */
  async keep(signed: SignedReceipt, notes: ReceiptNotes): Promise<void> {
    this.#store.put(signed, notes);
    const {provider, finish} = signed.receipt;
    if (finish !== 'running') this.#remember(provider, receiptDigest(signed.receipt));
    await this.#store.synced();
  }

  #remember(provider: string, digest: Uint8Array): void {
    this.#last.delete(provider);
    this.#last.set(provider, digest);
    if (this.#last.size > MAX_REMEMBERED) this.#last.delete(this.#last.keys().next().value ?? provider);
  }
}
