import type {IncomingMessage} from 'node:http';
import type {BackendEvent, ChatMessage, ChatRequest, FinishReason, TokenLogprob, Usage} from '../../backend.ts';
import {BackendError} from '../errors.ts';
import type {Slots} from '../slots.ts';
import {broken, type HttpClient} from './http-client.ts';

/** A large model may have to be loaded from disk and read a long prompt first. */
const FIRST_TOKEN_MS = 120_000;
/** Even a slow machine makes a token in this time; a server that has died silently makes none. */
const BETWEEN_TOKENS_MS = 60_000;

/** So much of a prompt in an error message is no coincidence. */
const QUOTED_CHARS = 12;

export interface AnswerLimits {
  /** From the request to the first piece of the answer. @default 120 000 */
  firstTokenMs?: number | undefined;
  /** Between two pieces. @default 60 000 */
  betweenTokensMs?: number | undefined;
}

/** What one line or event of a back end's stream says. */
export interface AnswerStep {
  text?: string;
  /** Tokens in this step; by default one if there is text. */
  tokens?: number;
  tokenIds?: readonly number[];
  logprobs?: readonly TokenLogprob[];
  finish?: FinishReason | undefined;
  usage?: Partial<Usage> | undefined;
  /** Nothing more will come. */
  done?: boolean;
}

export interface AnswerSource {
  client: HttpClient;
  slots: Slots;
  limits: AnswerLimits;
  path: string;
  body: unknown;
  /** The server counts the token that ends an answer and carries no text. */
  countsEndToken?: boolean;
  /** Reads the stream; throws a `BackendError` when the back end reports a failure in it. */
  steps(chunks: AsyncIterable<Uint8Array>, response: IncomingMessage): AsyncIterable<AnswerStep>;
}

/** Asks an HTTP back end and turns its stream into events: one `end` whatever happens to be missing, or an error. */
export async function* streamAnswer(
  source: AnswerSource,
  request: ChatRequest,
  signal: AbortSignal,
): AsyncGenerator<BackendEvent> {
  const {client, limits} = source;
  const {firstTokenMs = FIRST_TOKEN_MS, betweenTokensMs = BETWEEN_TOKENS_MS} = limits;
  const tally = new Tally(request, source.countsEndToken ?? false);
  const release = await source.slots.take(signal);
  let response: IncomingMessage | undefined;
  try {
    signal.throwIfAborted();
    response = await client.open(source.path, {body: source.body, signal, timeoutMs: firstTokenMs});
    for await (const step of source.steps(withDeadlines(response, firstTokenMs, betweenTokensMs), response)) {
      yield* tally.add(step);
      if (step.done) break;
    }
    if (tally.finish === undefined) throw broken(client.url, 'the answer broke off');
    yield* tally.end(tally.finish);
  } catch (error) {
    if (signal.aborted) yield* response === undefined ? [CANCELLED_BEFORE_START] : tally.end('cancelled');
    else throw discreet(client.url, error, request.messages);
  } finally {
    response?.destroy();
    release?.();
  }
}

/** Nobody has worked on it: nothing is to be counted. */
export const CANCELLED_BEFORE_START: BackendEvent = {
  type: 'end',
  finish: 'cancelled',
  usage: {promptTokens: 0, completionTokens: 0, cachedTokens: 0},
};

/** Keeps count, so that the deltas add up to the usage even where a back end says little. */
class Tally {
  finish: FinishReason | undefined;
  readonly #request: ChatRequest;
  readonly #countsEndToken: boolean;
  #counted = 0;
  #usage: Partial<Usage> = {};

  constructor(request: ChatRequest, countsEndToken: boolean) {
    this.#request = request;
    this.#countsEndToken = countsEndToken;
  }

  *add(step: AnswerStep): Generator<BackendEvent> {
    const {text = '', tokenIds, logprobs, usage, finish} = step;
    const tokens = step.tokens ?? (text === '' ? 0 : 1);
    this.finish = finish ?? this.finish;
    this.#usage = {...this.#usage, ...usage};
    if (tokens === 0 && text === '') return;
    this.#counted += tokens;
    yield {
      type: 'delta',
      text,
      tokens,
      ...(tokenIds !== undefined && {tokenIds}),
      ...(logprobs !== undefined && {logprobs}),
    };
  }

  *end(finish: FinishReason): Generator<BackendEvent> {
    const {messages, maxTokens} = this.#request;
    const {promptTokens = estimateTokens(messages), cachedTokens = 0} = this.#usage;
    const endToken = this.#countsEndToken && finish === 'stop' ? 1 : 0;
    // Some servers send several tokens at once; what they counted beyond the pieces has no text of its own.
    const made = Math.min(maxTokens, (this.#usage.completionTokens ?? 0) - endToken);
    const uncounted = made - this.#counted;
    if (uncounted > 0) yield {type: 'delta', text: '', tokens: uncounted};
    const completionTokens = this.#counted + Math.max(0, uncounted);
    yield {type: 'end', finish, usage: {promptTokens, completionTokens, cachedTokens}};
  }
}

/** A rough count for back ends that give none: four bytes a token, and a few tokens of template per message. */
function estimateTokens(messages: readonly ChatMessage[]): number {
  return messages.reduce((sum, {content}) => sum + Math.ceil(Buffer.byteLength(content) / 4) + 4, 0);
}

async function* withDeadlines(
  response: IncomingMessage,
  firstMs: number,
  betweenMs: number,
): AsyncGenerator<Uint8Array> {
  const late = (ms: number): NodeJS.Timeout =>
    setTimeout(() => response.destroy(new Error(`nothing came for ${ms} ms`)), ms);
  let timer = late(firstMs);
  try {
    for await (const chunk of response as AsyncIterable<Uint8Array>) {
      clearTimeout(timer);
      yield chunk;
      timer = late(betweenMs);
    }
  } finally {
    clearTimeout(timer);
  }
}

/** The error to show; some servers quote the prompt in theirs, and that must get into no log. */
function discreet(url: string, error: unknown, messages: readonly ChatMessage[]): BackendError {
  if (!(error instanceof BackendError)) return broken(url, describe(error), error);
  const quotes = messages.some(({content}) => {
    const beginning = content.trim().slice(0, QUOTED_CHARS);
    return beginning.length === QUOTED_CHARS && error.message.includes(beginning);
  });
  return quotes ? broken(url, 'it refused the request') : error;
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown reason';
  return error.message === 'aborted' ? 'it closed the connection' : error.message;
}
