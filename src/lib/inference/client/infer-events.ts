import {receiptToJson} from '../../records/receipt-json.ts';
import type {Offer} from '../market/bid-book.ts';
import type {Outcome} from './attempt.ts';
import type {InferEvent} from './infer-types.ts';

/** The receipt and the summary that end an answer; times are counted from `since`. */
export function* finished(
  {offer, finish, signed, firstTokenMs: ownFirstMs, totalMs: ownTotalMs}: Outcome,
  firstTokenMs: number | undefined,
  since: number,
): Generator<InferEvent> {
  const {receipt} = signed;
  const totalMs = performance.now() - since;
  // The first token closes the wait; the rate is that of the others.
  const rate =
    receipt.tokensOut > 1 ? (receipt.tokensOut - 1) / Math.max(ownTotalMs - ownFirstMs, 0.1) : 1 / ownTotalMs;
  const json = receiptToJson(signed);
  yield {event: 'receipt', receipt: json};
  yield {
    event: 'end',
    finish,
    provider: offer.provider,
    model: offer.signed.bid.model,
    tokensIn: receipt.tokensIn,
    tokensOut: receipt.tokensOut,
    firstTokenMs: rounded(firstTokenMs ?? totalMs),
    totalMs: rounded(totalMs),
    tokensPerSecond: rounded(rate * 1_000),
    cost: receipt.cost,
    receipt: json.digest,
  };
}

/** What is shown with `--trace`: who was considered, and when. */
export class Trace {
  readonly #on: boolean;
  readonly #since: number;
  #events: InferEvent[] = [];

  constructor(on: boolean, since: number) {
    this.#on = on;
    this.#since = since;
  }

  note(message: string, provider?: string): void {
    if (!this.#on) return;
    const atMs = rounded(performance.now() - this.#since);
    this.#events.push({event: 'trace', message, ...(provider !== undefined && {provider}), atMs});
  }

  take(): InferEvent[] {
    return this.#events.splice(0);
  }
}

/** Who was chosen, and at what price. */
export function chosen({provider, signed: {bid}}: Offer, round: number): InferEvent {
  return {
    event: 'chosen',
    provider,
    model: bid.model,
    ...(bid.modelDigest === '' ? {} : {digest: bid.modelDigest}),
    ...(bid.quantisation === '' ? {} : {quantisation: bid.quantisation}),
    priceIn: bid.priceIn,
    priceOut: bid.priceOut,
    attempt: round,
  };
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10;
}
