import type {PaymentKey} from '../../core/secp256k1.ts';
import type {Bid} from '../../records/bid.ts';
import type {ReceiptFinish} from '../../records/field-kinds.ts';
import {costOf, encodeReceipt, PRICE_UNIT_TOKENS, RECEIPT_VERSION, signReceipt} from '../../records/receipt.ts';
import {runningSaltedHash, saltedHash} from '../../records/salted-hash.ts';
import type {RunningHash} from '../../records/salted-hash.ts';
import {TOKENS_PER_RECEIPT} from '../limits.ts';

export interface MeterInit {
  requestId: Uint8Array;
  client: string;
  bid: Bid;
  offerDigest: Uint8Array;
  salt: Uint8Array;
  /** The question's bytes as they came. */
  question: Uint8Array;
  bytesIn: number;
  /** Base units; the sum stays within it whatever the engine says of the prompt. Undefined for no limit. */
  maxCost?: bigint | undefined;
  /** Digest of the last receipt between the two, 32 bytes, zero for none. */
  previous: Uint8Array;
  paymentKey: PaymentKey;
}

/** Counts what one request has been given, and signs for it. */
export class Meter {
  readonly #init: MeterInit;
  readonly #hash: RunningHash;
  readonly #requestHash: Uint8Array;
  readonly #startedAt = Date.now();
  readonly #start = performance.now();
  #firstTokenMs: number | undefined;
  #bytesOut = 0;
  #tokensOut = 0;
  #tokensIn = 0;
  #cachedTokens = 0;
  #sequence = 0;
  #tokensSigned = 0;

  constructor(init: MeterInit) {
    this.#init = init;
    this.#hash = runningSaltedHash(init.salt);
    this.#requestHash = saltedHash(init.salt, init.question);
  }

  get tokensOut(): number {
    return this.#tokensOut;
  }

  get tokensIn(): number {
    return this.#tokensIn;
  }

  /** ms from the arrival of the request; undefined until there is one. */
  get firstTokenMs(): number | undefined {
    return this.#firstTokenMs;
  }

  /** Whether a running receipt has to follow. */
  get due(): boolean {
    return this.#tokensOut - this.#tokensSigned >= TOKENS_PER_RECEIPT;
  }

  delivered(text: string, tokens: number): void {
    this.#firstTokenMs ??= this.#elapsedMs();
    const bytes = Buffer.from(text);
    this.#hash.update(bytes);
    this.#bytesOut += bytes.byteLength;
    this.#tokensOut += tokens;
  }

  /** What the engine says of the prompt, known at the end; until then a receipt counts no token in. */
  prompt({promptTokens, cachedTokens}: {promptTokens: number; cachedTokens: number}): void {
    this.#tokensIn = Math.min(promptTokens, this.#affordable());
    this.#cachedTokens = Math.min(cachedTokens, this.#tokensIn);
  }

  /** Tokens of prompt that the limit still pays for: an engine's own system prompt can be longer than foreseen. */
  #affordable(): number {
    const {bid, maxCost} = this.#init;
    if (maxCost === undefined || bid.priceIn === 0n) return Infinity;
    const left = maxCost * PRICE_UNIT_TOKENS - BigInt(this.#tokensOut) * bid.priceOut;
    return left <= 0n ? 0 : Number(left / bid.priceIn);
  }

  /** The signed receipt for everything so far, encoded. */
  sign(finish: ReceiptFinish, error = ''): Uint8Array {
    const {bid, paymentKey, requestId, client, offerDigest, bytesIn, previous} = this.#init;
    const {network, provider, paymentAddress, modelDigest, quantisation, priceIn, priceOut, asset} = bid;
    const usage = {tokensIn: this.#tokensIn, tokensOut: this.#tokensOut, priceIn, priceOut};
    this.#tokensSigned = this.#tokensOut;
    const signed = signReceipt(
      {
        version: RECEIPT_VERSION,
        network,
        requestId,
        client,
        provider,
        paymentAddress,
        offerDigest,
        modelDigest,
        quantisation,
        ...usage,
        cachedTokens: this.#cachedTokens,
        bytesIn,
        bytesOut: this.#bytesOut,
        cost: costOf(usage),
        asset,
        firstTokenMs: this.#firstTokenMs ?? 0,
        totalMs: this.#elapsedMs(),
        finish,
        error,
        requestHash: this.#requestHash,
        responseHash: this.#hash.current(),
        startedAt: this.#startedAt,
        issuedAt: Date.now(),
        channelId: new Uint8Array(32),
        nonce: 0n,
        previous,
        sequence: this.#sequence,
      },
      paymentKey,
    );
    this.#sequence += 1;
    return encodeReceipt(signed);
  }

  #elapsedMs(): number {
    return Math.max(0, Math.round(performance.now() - this.#start));
  }
}
