import type {FinishReason, TokenLogprob} from '../../backend.ts';
import type {AnswerStep} from '../http/answer.ts';
import {broken} from '../http/http-client.ts';
import {readLines} from '../http/lines.ts';
import {errorFromBody} from '../http/response-error.ts';
import {asList, asNumber, asText, asTokens, pick} from '../json-value.ts';

/** Reads the answer to `POST /api/chat`: one JSON object a line, the last with `done` and the counts. */
export async function* readOllamaSteps(chunks: AsyncIterable<Uint8Array>, url: string): AsyncGenerator<AnswerStep> {
  for await (const line of readLines(chunks)) {
    if (line.trim() !== '') yield readLine(line, url);
  }
}

function readLine(line: string, url: string): AnswerStep {
  let entry: unknown;
  try {
    entry = JSON.parse(line);
  } catch {
    // The parser's own message would quote the answer.
    throw broken(url, 'it sent something that is not JSON');
  }
  if (pick(entry, 'error') !== undefined) throw errorFromBody(url, 200, entry);
  const text = asText(pick(entry, 'message', 'content')) ?? '';
  const thought = asText(pick(entry, 'message', 'thinking')) ?? '';
  const logprobs = asList(pick(entry, 'logprobs')).map(readLogprob);
  // What a model thinks before it answers is counted, and is not part of the answer.
  const tokens = Math.max(logprobs.length, text === '' && thought === '' ? 0 : 1);
  const step: AnswerStep = {text, tokens, ...(logprobs.length > 0 && {logprobs})};
  if (pick(entry, 'done') !== true) return step;
  const promptTokens = asTokens(pick(entry, 'prompt_eval_count'));
  const completionTokens = asTokens(pick(entry, 'eval_count'));
  return {
    ...step,
    done: true,
    finish: readFinish(asText(pick(entry, 'done_reason'))),
    usage: {
      ...(promptTokens !== undefined && {promptTokens}),
      ...(completionTokens !== undefined && {completionTokens}),
    },
  };
}

function readFinish(reason: string | undefined): FinishReason {
  return reason === 'length' ? 'length' : 'stop';
}

function readLogprob(entry: unknown): TokenLogprob {
  const candidate = (value: unknown): {text: string; logprob: number} => ({
    text: asText(pick(value, 'token')) ?? '',
    logprob: asNumber(pick(value, 'logprob')) ?? Number.NaN,
  });
  return {...candidate(entry), top: asList(pick(entry, 'top_logprobs')).map(candidate)};
}
