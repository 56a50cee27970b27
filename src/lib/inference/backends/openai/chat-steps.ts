import type {FinishReason, TokenLogprob, Usage} from '../../backend.ts';
import type {AnswerStep} from '../http/answer.ts';
import {broken} from '../http/http-client.ts';
import {LineTooLongError, MAX_LINE_BYTES, readServerSentEvents} from '../http/lines.ts';
import {errorFromBody} from '../http/response-error.ts';
import {asCount, asList, asNumber, asText, asTokens, pick} from '../json-value.ts';

export interface ChatStreamSource {
  url: string;
  contentType: string | undefined;
}

/** Reads the answer to `POST /v1/chat/completions`: server-sent events, or one JSON object from servers that don't stream. */
export async function* readChatSteps(
  chunks: AsyncIterable<Uint8Array>,
  source: ChatStreamSource,
): AsyncGenerator<AnswerStep> {
  const type = source.contentType?.split(';')[0]?.trim().toLowerCase() ?? '';
  if (type === 'application/json') {
    let text = '';
    const decoder = new TextDecoder();
    for await (const chunk of chunks) {
      text += decoder.decode(chunk, {stream: true});
      if (text.length > MAX_LINE_BYTES) throw new LineTooLongError();
    }
    yield* readChunk(parse(text, source), source);
    return;
  }
  if (type !== 'text/event-stream') throw broken(source.url, `it answered with ${type === '' ? 'no type' : type}`);
  for await (const data of readServerSentEvents(chunks)) {
    if (data.trim() === '[DONE]') {
      yield {done: true};
      return;
    }
    yield* readChunk(parse(data, source), source);
  }
}

function parse(text: string, {url}: ChatStreamSource): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // The parser's own message would quote the answer.
    throw broken(url, 'it sent something that is not JSON');
  }
}

function* readChunk(chunk: unknown, {url}: ChatStreamSource): Generator<AnswerStep> {
  const error = pick(chunk, 'error');
  if (error !== undefined && error !== null) throw errorFromBody(url, 200, chunk);
  const choice = pick(chunk, 'choices', 0);
  const message = pick(choice, 'delta') ?? pick(choice, 'message');
  const text = asText(pick(message, 'content')) ?? '';
  const thought = asText(pick(message, 'reasoning_content')) ?? asText(pick(message, 'reasoning')) ?? '';
  const logprobs = asList(pick(choice, 'logprobs', 'content')).map(readLogprob);
  const ids = asList(pick(choice, 'token_ids')).map(asCount);
  const tokenIds = ids.length > 0 ? ids : logprobs.map(({tokenId}) => tokenId);
  const complete = tokenIds.length > 0 && tokenIds.every((id) => id !== undefined);
  // What a model thinks before it answers is counted, and is not part of the answer.
  const tokens = Math.max(tokenIds.length, text === '' && thought === '' ? 0 : 1);
  const finish = readFinish(asText(pick(choice, 'finish_reason')));
  yield {
    text,
    tokens,
    ...(complete && {tokenIds}),
    ...(logprobs.length > 0 && {logprobs}),
    finish,
    usage: readUsage(pick(chunk, 'usage')),
  };
}

function readLogprob(entry: unknown): TokenLogprob {
  const candidate = (value: unknown): TokenLogprob => {
    const tokenId = asCount(pick(value, 'id'));
    const text = asText(pick(value, 'token'));
    const logprob = asNumber(pick(value, 'logprob')) ?? Number.NaN;
    return {...(tokenId !== undefined && {tokenId}), ...(text !== undefined && {text}), logprob};
  };
  return {...candidate(entry), top: asList(pick(entry, 'top_logprobs')).map(candidate)};
}

function readFinish(reason: string | undefined): FinishReason | undefined {
  if (reason === undefined || reason === 'length') return reason;
  return reason === 'abort' || reason === 'error' ? 'error' : 'stop';
}

function readUsage(usage: unknown): Partial<Usage> | undefined {
  const promptTokens = asTokens(pick(usage, 'prompt_tokens'));
  const completionTokens = asTokens(pick(usage, 'completion_tokens'));
  if (promptTokens === undefined || completionTokens === undefined) return undefined;
  return {
    promptTokens,
    completionTokens,
    cachedTokens: asTokens(pick(usage, 'prompt_tokens_details', 'cached_tokens')) ?? 0,
  };
}
