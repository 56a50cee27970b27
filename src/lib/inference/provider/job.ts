import {pause} from '../../core/pause.ts';
import type {PaymentKey} from '../../core/secp256k1.ts';
import type {Logger} from '../../observability/logger.ts';
import type {Bid} from '../../records/bid.ts';
import type {Open} from '../../records/gen/frames_pb.js';
import {PRICE_UNIT_TOKENS} from '../../records/receipt.ts';
import type {BackendEvent, ChatRequest} from '../backend.ts';
import {BackendError} from '../backends/errors.ts';
import {CANCEL_GRACE_MS, MAX_DELTA_TEXT_BYTES, READER_STALL_TIMEOUT_MS, TOTAL_TIMEOUT_MS} from '../limits.ts';
import {decodeQuestion, promptBytes, splitText} from '../wire/frames.ts';
import {ProtocolViolation} from '../wire/framing.ts';
import type {AnswerSink} from '../wire/provider-link.ts';
import {Catalogue} from './catalogue.ts';
import type {Engine} from './catalogue.ts';
import type {Desk} from './desk.ts';
import {Meter} from './meter.ts';

/** Engines count the end token or don't. */
const END_TOKENS = 1;
/** What a frame or a receipt can hold. */
const MAX_COUNT = 2 ** 32 - 1;
/** More than any chat template adds to a message. */
const TEMPLATE_TOKENS_PER_MESSAGE = 32;

export interface JobContext {
  catalogue: Catalogue;
  desk: Desk;
  paymentKey: PaymentKey;
  log: Logger;
  limits: {maxPromptBytes: number; maxTokens: number};
  /** Aborted when the provider stops without grace. */
  stopping: AbortSignal;
}

export interface JobResult {
  /** stop, length, cancelled, lost or an error code. */
  outcome: string;
  tokensIn: number;
  tokensOut: number;
  firstTokenMs: number | undefined;
}

/** A reason not to answer, or not to go on. */
class Refusal extends Error {
  readonly code: string;
  readonly retryAfterMs: number;

  constructor(code: string, message: string, retryAfterMs = 0) {
    super(message);
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }
}

/** Answers one request from the open frame to its end; never throws, and never lets a word of it into a log. */
export async function runJob(open: Open, client: string, sink: AnswerSink, context: JobContext): Promise<JobResult> {
  let meter: Meter | undefined;
  const result = (outcome: string): JobResult => ({
    outcome,
    tokensIn: meter?.tokensIn ?? 0,
    tokensOut: meter?.tokensOut ?? 0,
    firstTokenMs: meter?.firstTokenMs,
  });
  try {
    const {bid, question, engine} = admit(open, context);
    meter = new Meter({
      requestId: open.requestId,
      client,
      bid,
      offerDigest: open.offerDigest,
      salt: open.salt,
      question: open.question,
      bytesIn: promptBytes(question),
      previous: open.previousReceipt.byteLength === 32 ? open.previousReceipt : new Uint8Array(32),
      maxCost: open.maxCost === '' ? undefined : BigInt(open.maxCost),
      paymentKey: context.paymentKey,
    });
    const admitted = await engine.admission.enter(sink.signal);
    if (!admitted.ok) throw new Refusal('PROVIDER_BUSY', 'all slots and the queue are full', admitted.retryAfterMs);
    try {
      return result(await generate(question, engine, meter, sink, context));
    } finally {
      admitted.release();
    }
  } catch (error) {
    if (sink.signal.aborted) {
      sink.end('cancelled', meter?.sign('cancelled') ?? new Uint8Array(0));
      return result(sink.signal.reason === 'lost' ? 'lost' : 'cancelled');
    }
    const {code, message, retryAfterMs} = asRefusal(error, context.log);
    const made = meter !== undefined && meter.tokensOut > 0;
    sink.fail({
      code,
      message,
      retryAfterMs,
      ...(made ? {receipt: meter?.sign('error', code) ?? new Uint8Array(0)} : {}),
    });
    return result(code);
  }
}

function admit(open: Open, {catalogue, desk, limits}: JobContext): {bid: Bid; question: ChatRequest; engine: Engine} {
  if (desk.closed) throw new Refusal('PROVIDER_DRAINING', 'this provider is being stopped and takes no new requests');
  if (open.requestId.byteLength !== 16) throw new Refusal('BAD_REQUEST', 'request_id must have 16 bytes');
  if (open.salt.byteLength !== 32) throw new Refusal('BAD_REQUEST', 'salt must have 32 bytes');
  const bid = desk.honoured(open.offerDigest, Date.now());
  if (bid === undefined) throw new Refusal('BID_UNKNOWN', 'this offer has ended or was never made');
  const question = decodeQuestion(open.question);
  if (question.model !== bid.model) throw new Refusal('BAD_REQUEST', 'the question names another model than the bid');
  const bytes = promptBytes(question);
  if (bytes > limits.maxPromptBytes)
    throw new Refusal('PROMPT_TOO_LONG', `more than ${limits.maxPromptBytes} bytes of prompt`);
  if (question.maxTokens > limits.maxTokens)
    throw new Refusal('TOO_MANY_TOKENS', `more than ${limits.maxTokens} tokens asked for`);
  const listing = catalogue.find(bid.model);
  if (listing === undefined || listing.digest !== bid.modelDigest) {
    throw new Refusal('MODEL_GONE', 'the model of this offer is no longer served');
  }
  const maxTokens = Math.min(question.maxTokens, affordableTokens(open.maxCost, bid, question));
  return {bid, question: {...question, model: listing.name, maxTokens}, engine: listing.engine};
}

/** Tokens that surely stay within the client's limit, counting a token for every byte of the prompt. */
function affordableTokens(maxCost: string, {priceIn, priceOut}: Bid, question: ChatRequest): number {
  if (maxCost === '') return Infinity;
  if (!/^\d{1,39}$/.test(maxCost)) throw new Refusal('BAD_REQUEST', 'max_cost is not a decimal number');
  const tokensIn = BigInt(promptBytes(question) + TEMPLATE_TOKENS_PER_MESSAGE * (question.messages.length + 1));
  const left = BigInt(maxCost) * PRICE_UNIT_TOKENS - tokensIn * priceIn;
  if (left >= 0n && priceOut === 0n) return Infinity;
  if (left < priceOut) throw new Refusal('PRICE_TOO_HIGH', 'not even one token fits the highest cost that was given');
  return Number(left / priceOut);
}

async function generate(
  question: ChatRequest,
  engine: Engine,
  meter: Meter,
  sink: AnswerSink,
  {catalogue, stopping}: JobContext,
): Promise<string> {
  const deadline = AbortSignal.timeout(TOTAL_TIMEOUT_MS);
  const abort = AbortSignal.any([sink.signal, stopping, deadline]);
  const events = engine.backend.chat(question, abort)[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await nextEvent(events, abort);
      if (next === undefined) break;
      if (!isCredible(next)) throw new Refusal('BACKEND_ERROR', 'the engine claims counts that cannot be');
      if (next.type === 'end') {
        meter.prompt(next.usage);
        if (next.finish === 'error') throw new Refusal('BACKEND_ERROR', 'the engine ended with an error');
        if (next.finish === 'cancelled') break;
        sink.end(next.finish, meter.sign(next.finish));
        if (meter.firstTokenMs !== undefined) Catalogue.measured(engine, meter.firstTokenMs);
        return next.finish;
      }
      // An engine that does not stop where it was told to: what is beyond was not asked for, and can't be charged.
      if (next.type === 'delta' && meter.tokensOut + next.tokens > question.maxTokens + END_TOKENS) {
        sink.end('length', meter.sign('length'));
        return 'length';
      }
      // After a cancel nothing more is sent, and nothing more is charged.
      if (next.type === 'delta' && !abort.aborted) await deliver(next, meter, sink);
    }
    if (!abort.aborted) throw new Refusal('BACKEND_ERROR', 'the engine stopped without an end');
    if (deadline.aborted) throw new Refusal('DEADLINE_TOTAL', 'the answer took longer than this provider allows');
    if (stopping.aborted && !sink.signal.aborted) throw new Refusal('PROVIDER_DRAINING', 'this provider was stopped');
    sink.end('cancelled', meter.sign('cancelled'));
    return sink.signal.reason === 'lost' ? 'lost' : 'cancelled';
  } catch (error) {
    if (error instanceof BackendError && (error.code === 'BACKEND_UNREACHABLE' || error.code === 'ENGINE_CRASHED')) {
      catalogue.suspect(engine, error.message);
    }
    throw error;
  } finally {
    void Promise.resolve(events.return?.()).catch(() => undefined);
  }
}

/** Counts of engines that others have written go into frames and receipts only if they are counts. */
function isCredible(event: BackendEvent): boolean {
  const isCount = (value: number): boolean => Number.isInteger(value) && value >= 0 && value <= MAX_COUNT;
  if (event.type === 'delta') return isCount(event.tokens);
  return event.type !== 'end' || (isCount(event.usage.promptTokens) && isCount(event.usage.cachedTokens));
}

/** The next event; after an abort the engine gets a moment to say what it has used. */
async function nextEvent(events: AsyncIterator<BackendEvent>, abort: AbortSignal): Promise<BackendEvent | undefined> {
  const next = events.next();
  const settled = next.then(({done, value}) => (done === true ? undefined : value));
  if (!abort.aborted) {
    const aborted = Promise.withResolvers<'aborted'>();
    const onAbort = (): void => aborted.resolve('aborted');
    abort.addEventListener('abort', onAbort, {once: true});
    const first = await Promise.race([settled, aborted.promise]).finally(() =>
      abort.removeEventListener('abort', onAbort),
    );
    if (first !== 'aborted') return first;
  }
  const late = await Promise.race([settled.catch(() => undefined), pause(CANCEL_GRACE_MS / 2)]);
  return late ?? undefined;
}

async function deliver({text, tokens}: {text: string; tokens: number}, meter: Meter, sink: AnswerSink): Promise<void> {
  let counted = tokens;
  // Half a character, of which some engines make one piece, is counted as it travels.
  for (const piece of splitText(text.toWellFormed(), MAX_DELTA_TEXT_BYTES)) {
    if (!sink.writable()) await reader(sink);
    if (sink.signal.aborted || (piece === '' && counted === 0)) return;
    sink.delta(piece, counted);
    meter.delivered(piece, counted);
    counted = 0;
  }
  if (meter.due) sink.receipt(meter.sign('running'));
}

async function reader(sink: AnswerSink): Promise<void> {
  const stalled = new AbortController();
  const timeout = pause(READER_STALL_TIMEOUT_MS, stalled.signal).then(() => 'stalled' as const);
  const outcome = await Promise.race([sink.whenWritable(), timeout]);
  stalled.abort();
  if (outcome === 'stalled') throw new Refusal('READER_STALLED', 'the client has not read for too long');
}

function asRefusal(error: unknown, log: Logger): {code: string; message: string; retryAfterMs: number} {
  if (error instanceof Refusal) return error;
  if (error instanceof ProtocolViolation) return {code: 'BAD_REQUEST', message: error.message, retryAfterMs: 0};
  if (error instanceof BackendError) {
    const code = error.code === 'BACKEND_BUSY' ? 'PROVIDER_BUSY' : error.code;
    // The engine's own words may quote the prompt.
    return {code, message: MESSAGES.get(code) ?? 'the engine failed', retryAfterMs: error.retryAfterMs ?? 0};
  }
  log.error({err: error instanceof Error ? error.name : 'unknown'}, 'a request failed in a way that was not expected');
  return {code: 'PROVIDER_ERROR', message: 'the provider failed in a way that it did not expect', retryAfterMs: 0};
}

const MESSAGES = new Map([
  ['PROVIDER_BUSY', 'the engine has no free slot'],
  ['CONTEXT_TOO_LONG', 'the prompt is longer than the model can hold'],
  ['MODEL_NOT_FOUND', 'the engine no longer has this model'],
  ['BACKEND_UNREACHABLE', 'the engine does not answer'],
  ['ENGINE_CRASHED', 'the engine has crashed'],
]);
