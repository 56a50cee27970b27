import {equalBytes} from '../../core/bytes.ts';
import {QuiverError} from '../../core/errors.ts';
import type {Bid} from '../../records/bid.ts';
import type {ReceiptFinish} from '../../records/field-kinds.ts';
import {decodeReceipt} from '../../records/receipt.ts';
import type {SignedReceipt} from '../../records/receipt.ts';
import {runningSaltedHash, saltedHash} from '../../records/salted-hash.ts';
import type {RunningHash} from '../../records/salted-hash.ts';
import {verifyReceipt} from '../../records/verify-receipt.ts';
import {providerLied} from '../errors.ts';

/** Tokens of a prompt beyond one for each byte: what chat templates and an engine's own system prompt add. */
const TEMPLATE_TOKENS = 2_048;
/** Engines count the end token or don't. */
const END_TOKENS = 1;
/** The longest tokens in use stand for about a hundred bytes; an answer has far fewer for each on average. */
const MAX_BYTES_PER_TOKEN = 256;

export interface LedgerInit {
  requestId: Uint8Array;
  client: string;
  bid: Bid;
  salt: Uint8Array;
  /** The question's bytes as they travel. */
  question: Uint8Array;
  bytesIn: number;
  maxTokens: number;
  /** Base units; undefined for no limit. */
  maxCost: bigint | undefined;
  previous: Uint8Array;
}

/** The client's own count of one answer, against which every receipt is held. */
export class Ledger {
  readonly #init: LedgerInit;
  readonly #hash: RunningHash;
  readonly #requestHash: Uint8Array;
  #bytes = 0;
  #tokens = 0;
  #last: SignedReceipt | undefined;

  constructor(init: LedgerInit) {
    this.#init = init;
    this.#hash = runningSaltedHash(init.salt);
    this.#requestHash = saltedHash(init.salt, init.question);
  }

  /** The last valid receipt. */
  get last(): SignedReceipt | undefined {
    return this.#last;
  }

  get tokens(): number {
    return this.#tokens;
  }

  /** Counts a piece that arrived; throws RECEIPT_INVALID when the answer is longer than was asked for. */
  received(text: string, tokens: number): void {
    const {bid, maxTokens} = this.#init;
    const bytes = Buffer.from(text);
    this.#hash.update(bytes);
    this.#bytes += bytes.byteLength;
    this.#tokens += tokens;
    const most = maxTokens + END_TOKENS;
    if (this.#tokens > most)
      throw providerLied(bid.provider, `It sends ${this.#tokens} tokens where ${maxTokens} were asked for.`);
    if (this.#bytes > most * MAX_BYTES_PER_TOKEN)
      throw providerLied(bid.provider, `It sends ${this.#bytes} bytes where ${maxTokens} tokens were asked for.`);
  }

  /** Takes a receipt for exactly what has arrived so far; throws RECEIPT_INVALID naming the first thing that is wrong. */
  take(bytes: Uint8Array, finish: ReceiptFinish): SignedReceipt {
    const {bid} = this.#init;
    const signed = this.#decode(bytes);
    const [problem] = [...this.#problems(signed, finish)];
    if (problem !== undefined) throw providerLied(bid.provider, problem);
    this.#last = signed;
    return signed;
  }

  #decode(bytes: Uint8Array): SignedReceipt {
    try {
      return decodeReceipt(bytes);
    } catch (error) {
      if (!(error instanceof QuiverError)) throw error;
      throw providerLied(this.#init.bid.provider, error.message);
    }
  }

  *#problems(signed: SignedReceipt, finish: ReceiptFinish): Generator<string> {
    const {requestId, client, bid, bytesIn, maxCost, previous} = this.#init;
    const {receipt} = signed;
    const {problems} = verifyReceipt(signed, {
      requestId,
      client,
      offer: bid,
      ...(this.#last === undefined ? {} : {earlier: this.#last.receipt}),
    });
    yield* problems;
    if (receipt.finish !== finish) yield `It says "${receipt.finish}" where "${finish}" was said.`;
    if (receipt.bytesIn !== bytesIn) yield `It counts ${receipt.bytesIn} bytes of prompt, and ${bytesIn} were sent.`;
    if (receipt.bytesOut !== this.#bytes)
      yield `It counts ${receipt.bytesOut} bytes of answer, and ${this.#bytes} came.`;
    if (receipt.tokensOut !== this.#tokens)
      yield `It counts ${receipt.tokensOut} tokens of answer, and ${this.#tokens} came.`;
    if (receipt.tokensIn > bytesIn + TEMPLATE_TOKENS)
      yield `${bytesIn} bytes of prompt can't be ${receipt.tokensIn} tokens.`;
    if (maxCost !== undefined && receipt.cost > maxCost)
      yield `It costs ${receipt.cost}, more than the limit of ${maxCost}.`;
    if (!equalBytes(receipt.requestHash, this.#requestHash)) yield 'It is for another question.';
    if (!equalBytes(receipt.responseHash, this.#hash.current())) yield 'It is for another answer.';
    if (!equalBytes(receipt.previous, previous)) yield 'It names another previous receipt.';
  }
}
