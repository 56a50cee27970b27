import {QuiverError} from '../../core/errors.ts';
import {createRequestId} from '../../records/request-for-quote.ts';
import type {SignedReceipt} from '../../records/receipt.ts';
import {receiptDigest} from '../../records/receipt.ts';
import {createSalt} from '../../records/salted-hash.ts';
import type {ChatRequest, FinishReason} from '../backend.ts';
import {isZero, toHex} from '../../core/bytes.ts';
import {cancelled, deadlinePassed, providerFailed, providerLost} from '../errors.ts';
import type {Offer} from '../market/bid-book.ts';
import type {Deadlines, ExchangeEvent} from '../wire/client-session.ts';
import type {ClientLink, Exchange} from '../wire/client-link.ts';
import {encodeQuestion, promptBytes} from '../wire/frames.ts';
import {Ledger} from './ledger.ts';
import type {ReceiptBook} from './receipt-book.ts';

/** What is asked, whoever answers. */
export interface Question extends Omit<ChatRequest, 'model' | 'topLogprobs'> {
  deadlines: Deadlines;
  /** Base units; the whole answer may not cost more. */
  maxCost: bigint | undefined;
  /** Of the total time, what went by before this provider is asked, in ms. */
  spentMs: number;
}

export interface Piece {
  text: string;
  tokens: number;
}

/** How one attempt ended well. */
export interface Outcome {
  offer: Offer;
  finish: FinishReason;
  signed: SignedReceipt;
  firstTokenMs: number;
  totalMs: number;
}

/** How one attempt failed, and whether another provider may be asked without the user noticing. */
export class AttemptFailure extends Error {
  readonly error: QuiverError;
  readonly code: string;
  readonly what: 'refused' | 'failed' | 'lied' | 'cancelled';
  readonly retryAfterMs: number;

  constructor(error: QuiverError, what: AttemptFailure['what'], code = error.code, retryAfterMs = 0) {
    super(error.message);
    this.error = error;
    this.what = what;
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }
}

/** Codes by which a provider says that it is well and can't take this request. */
const REFUSALS: ReadonlySet<string> = new Set([
  'PROVIDER_BUSY',
  'PROVIDER_DRAINING',
  'TOO_MANY_REQUESTS',
  'BID_UNKNOWN',
  'MODEL_GONE',
  'PRICE_TOO_HIGH',
  'PROMPT_TOO_LONG',
  'TOO_MANY_TOKENS',
  'CONTEXT_TOO_LONG',
]);

/**
 * Puts a question to one provider. Yields the pieces of the answer, returns the outcome with a receipt that was checked,
 * or throws `AttemptFailure`. The last valid receipt is stored in every case; leaving early or an abort cancels.
 */
export async function* attempt(
  link: ClientLink,
  offer: Offer,
  question: Question,
  book: ReceiptBook,
  signal: AbortSignal,
): AsyncGenerator<Piece, Outcome> {
  const {bid, digest} = offer.signed;
  const requestId = createRequestId();
  const salt = createSalt();
  const previous = book.previous(offer.provider);
  const encoded = encodeQuestion({...question, model: bid.model});
  const ledger = new Ledger({
    requestId,
    client: book.client,
    bid,
    salt,
    question: encoded,
    bytesIn: promptBytes(question),
    maxTokens: question.maxTokens,
    maxCost: question.maxCost,
    previous,
  });
  const since = performance.now();
  let firstTokenMs: number | undefined;
  const exchange = link.ask(
    {
      requestId,
      question: encoded,
      offerDigest: digest,
      salt,
      maxCost: question.maxCost?.toString() ?? '',
      previousReceipt: isZero(previous) ? new Uint8Array(0) : previous,
    },
    {...question.deadlines, totalMs: Math.max(1, question.deadlines.totalMs - question.spentMs)},
  );
  const onAbort = (): void => exchange.cancel();
  signal.addEventListener('abort', onAbort, {once: true});
  if (signal.aborted) exchange.cancel();
  let ended = false;
  try {
    for (;;) {
      const event = await exchange.next();
      ended = event.type !== 'delta' && event.type !== 'receipt';
      if (event.type === 'delta') {
        firstTokenMs ??= performance.now() - since;
        ledger.received(event.text, event.tokens);
        if (!signal.aborted) yield {text: event.text, tokens: event.tokens};
      } else if (event.type === 'receipt') {
        ledger.take(event.receipt, 'running');
      } else if (event.type === 'end' && !signal.aborted && (event.finish === 'stop' || event.finish === 'length')) {
        const signed = ledger.take(event.receipt, event.finish);
        const totalMs = performance.now() - since;
        return {offer, finish: event.finish, signed, firstTokenMs: firstTokenMs ?? totalMs, totalMs};
      } else {
        throw failure(event, {offer, ledger, question, signal});
      }
    }
  } catch (error) {
    if (!(error instanceof QuiverError)) throw error;
    throw new AttemptFailure(error, 'lied');
  } finally {
    signal.removeEventListener('abort', onAbort);
    if (!ended) await settle(exchange, ledger);
    if (ledger.last !== undefined) await book.keep(ledger.last, {model: bid.model, salt});
  }
}

interface Situation {
  offer: Offer;
  ledger: Ledger;
  question: Question;
  signal: AbortSignal;
}

/** The last event of an answer that is not whole. */
function failure(event: ExchangeEvent, {offer, ledger, question, signal}: Situation): AttemptFailure {
  if (event.type === 'end') {
    if (event.receipt.byteLength > 0) ledger.take(event.receipt, finishOf(event));
  } else if (event.type === 'failure') {
    if (event.receipt.byteLength > 0) ledger.take(event.receipt, 'error');
  }
  if (signal.aborted) return new AttemptFailure(cancelled(signal.reason), 'cancelled');
  if (event.type === 'failure') {
    const {code, message, retryAfterMs} = event;
    const what = REFUSALS.has(code) ? 'refused' : 'failed';
    return new AttemptFailure(providerFailed(safeCode(code), printable(message)), what, code, retryAfterMs);
  }
  if (event.type === 'timeout') {
    const {firstTokenMs, tokenGapMs, totalMs} = question.deadlines;
    const limit = {'first-token': firstTokenMs, 'token-gap': tokenGapMs, total: totalMs, cancel: totalMs}[event.phase];
    return new AttemptFailure(deadlinePassed(event.phase, limit), 'failed');
  }
  const receipt = ledger.last === undefined ? undefined : toHex(receiptDigest(ledger.last.receipt));
  return new AttemptFailure(providerLost(offer.provider, receipt), 'failed');
}

/** Stops an answer that nobody reads any more, and waits a moment for the receipt of what was made. */
async function settle(exchange: Exchange, ledger: Ledger): Promise<void> {
  exchange.cancel();
  for (;;) {
    const event = await exchange.next();
    try {
      if (event.type === 'delta') ledger.received(event.text, event.tokens);
      else if (event.type === 'receipt') ledger.take(event.receipt, 'running');
      else if (event.type === 'end' && event.receipt.byteLength > 0) {
        ledger.take(event.receipt, finishOf(event));
      }
    } catch (error) {
      // A receipt that is wrong is not kept; the one before it stands.
      if (!(error instanceof QuiverError)) throw error;
    }
    if (event.type !== 'delta' && event.type !== 'receipt') return;
  }
}

function finishOf({finish}: {finish: string}): 'stop' | 'length' | 'cancelled' {
  return finish === 'length' || finish === 'cancelled' ? finish : 'stop';
}

/** A stranger's text, fit for a terminal. */
function printable(text: string): string {
  return text.replaceAll(/[^\p{L}\p{N}\p{P}\p{S} ]/gu, ' ').slice(0, 200);
}

function safeCode(code: string): string {
  return /^[A-Z][A-Z_]{1,40}$/.test(code) ? code : 'PROVIDER_ERROR';
}
