import type {IncomingHttpHeaders} from 'node:http';
import {BackendError, busy, contextTooLong, modelNotFound} from '../errors.ts';
import {asCount, asText, pick} from '../json-value.ts';

/** How long to stay away from a busy back end that names no time. */
const RETRY_AFTER_MS = 1000;
/** A longer pause is not waited for by anyone; a wrong clock must not make it a year. */
const MAX_RETRY_AFTER_MS = 3_600_000;
/** Enough to recognise what a back end complains about. */
const MAX_MESSAGE_CHARS = 200;
/** What is looked through for what it complains about. */
const MAX_READ_CHARS = 2_000;

/** Turns an answer with an error status into the error that says what to do about it. */
export function errorFromResponse(
  url: string,
  status: number,
  headers: IncomingHttpHeaders,
  body: string,
): BackendError {
  if (status >= 300 && status < 400) return problem(url, `it redirects (HTTP ${status})`, false);
  const retryAfterMs = readRetryAfter(headers);
  return errorFromBody(url, status, parse(body), retryAfterMs);
}

/**
 * Turns `{"error": …}` into an error. Knows the shapes of OpenAI and vLLM (`{error: {message, type, code}}`),
 * llama.cpp (numeric code, `n_prompt_tokens`, `n_ctx`), Ollama (`{error: "text"}`) and FastAPI (`{detail}`).
 */
export function errorFromBody(url: string, status: number, body: unknown, retryAfterMs = RETRY_AFTER_MS): BackendError {
  const error = pick(body, 'error');
  const text = asText(error) ?? asText(pick(error, 'message')) ?? asText(pick(body, 'detail')) ?? '';
  const message = text.slice(0, MAX_READ_CHARS);
  const kind = `${asText(pick(error, 'type')) ?? ''} ${asText(pick(error, 'code')) ?? ''}`;
  const code = status === 200 ? (asCount(pick(error, 'code')) ?? 0) : status;

  if (/context_length_exceeded|exceed_context_size/.test(kind) || isAboutContext(message)) {
    const promptTokens = asCount(pick(error, 'n_prompt_tokens'));
    const contextTokens = asCount(pick(error, 'n_ctx'));
    if (promptTokens !== undefined && contextTokens !== undefined) return contextTooLong(promptTokens, contextTokens);
    return new BackendError({
      code: 'CONTEXT_TOO_LONG',
      message: "the prompt is longer than the model's context",
      fix: 'Shorten the prompt, or choose a model with a longer context.',
    });
  }
  if (code === 429 || code === 503) return busy(`the back end at ${url}`, retryAfterMs);
  if (/model_not_found/.test(kind) || (code === 404 && /model/i.test(message))) {
    return modelNotFound(/["'`]([^"'`]{1,100})["'`]/.exec(message)?.[1] ?? '', []);
  }
  if (code === 401 || code === 403) {
    return new BackendError({
      code: 'BACKEND_ERROR',
      message: `the back end at ${url} wants an API key (HTTP ${code})`,
      fix: 'Give its key in the configuration of this back end.',
    });
  }
  const shown = message.replaceAll(/\s+/g, ' ').slice(0, MAX_MESSAGE_CHARS);
  const label = code === 0 ? 'it reports an error' : `HTTP ${code}`;
  return problem(url, shown === '' ? label : `${label}: ${shown}`, code === 0 || code >= 500);
}

function isAboutContext(message: string): boolean {
  return /(maximum|exceeds?|longer than|too long).{0,60}context|context.{0,40}(exceed|too (long|small)|overflow)/i.test(
    message,
  );
}

function problem(url: string, why: string, retryable: boolean): BackendError {
  return new BackendError({
    code: 'BACKEND_ERROR',
    message: `the back end at ${url} failed: ${why}`,
    fix: "Look into the back end's own log.",
    retryable,
  });
}

/** `retry-after-ms`, or `retry-after` in seconds or as a date. */
function readRetryAfter(headers: IncomingHttpHeaders): number {
  const milliseconds = Number(headers['retry-after-ms'] ?? Number.NaN);
  const seconds = Number(headers['retry-after'] ?? Number.NaN) * 1000;
  const date = Date.parse(headers['retry-after'] ?? '') - Date.now();
  const found = [milliseconds, seconds, date].find((value) => Number.isFinite(value) && value >= 0) ?? RETRY_AFTER_MS;
  return Math.min(MAX_RETRY_AFTER_MS, Math.ceil(found));
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body) as unknown;
  } catch {
    return undefined;
  }
}
