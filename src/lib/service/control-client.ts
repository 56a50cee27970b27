import type {IncomingMessage} from 'node:http';
import {request as httpRequest} from 'node:http';

import {QuiverError} from '../core/errors.ts';
import {toJson} from '../core/json.ts';
import {readAll} from '../core/read-all.ts';
import {fromErrorBody} from './error-body.ts';
import {readLines} from './lines.ts';

/** A healthy process answers in milliseconds; one in the middle of a start may take seconds. */
const ANSWER_DEADLINE_MS = 10_000;
/** Longest silence in a stream before the process is taken for dead: above any deadline between tokens. */
const SILENCE_DEADLINE_MS = 120_000;
/** Answers that are not streams are lists and tables. */
const ANSWER_LIMIT_BYTES = 16 * 1024 * 1024;

/** No socket, nobody behind it, or a path that can have none: below a file, or longer than a socket's may be. */
const NOBODY_THERE: ReadonlySet<string> = new Set(['ENOENT', 'ECONNREFUSED', 'ENOTDIR', 'EINVAL', 'ENAMETOOLONG']);

export interface ControlClientOptions {
  /** @default 10_000 */
  answerDeadlineMs?: number;
  /** @default 120_000 */
  silenceDeadlineMs?: number;
}

export interface ControlClient {
  get(path: string, signal?: AbortSignal): Promise<unknown>;
  post(path: string, body: unknown, signal?: AbortSignal): Promise<unknown>;
  /** POSTs and yields each JSON line of the answer; leaving the loop early ends the request at the other side. */
  stream(path: string, body: unknown, signal?: AbortSignal): AsyncGenerator<unknown, void>;
}

/**
 * Talks HTTP to a running quiver process over its Unix socket.
 * Errors: NOT_RUNNING, CONTROL_DENIED, CONTROL_SILENT, CONTROL_LOST, and whatever error the process answers with.
 */
export function controlClient(socketPath: string, options: ControlClientOptions = {}): ControlClient {
  const answerDeadlineMs = options.answerDeadlineMs ?? ANSWER_DEADLINE_MS;
  const silenceDeadlineMs = options.silenceDeadlineMs ?? SILENCE_DEADLINE_MS;

  async function ask(method: 'GET' | 'POST', path: string, body: unknown, signal?: AbortSignal): Promise<unknown> {
    const deadline = AbortSignal.timeout(answerDeadlineMs);
    const both = signal === undefined ? deadline : AbortSignal.any([signal, deadline]);
    try {
      return await readAnswer(await send(socketPath, method, path, body, both));
    } catch (error) {
      throw explain(error, signal, deadline.aborted);
    }
  }

  return {
    get: (path, signal) => ask('GET', path, undefined, signal),
    post: (path, body, signal) => ask('POST', path, body, signal),
    async *stream(path, body, signal) {
      const silence = new AbortController();
      const either = signal === undefined ? silence.signal : AbortSignal.any([signal, silence.signal]);
      const heard = <T>(wait: Promise<T>): Promise<T> => {
        const timer = setTimeout(() => silence.abort(), silenceDeadlineMs);
        return wait.finally(() => clearTimeout(timer));
      };
      try {
        const response = await heard(send(socketPath, 'POST', path, body, either));
        if (response.statusCode !== 200) throw refusal(response, await heard(readText(response)));
        yield* readLines(textChunks(response, heard));
      } catch (error) {
        throw explain(error, signal, silence.signal.aborted);
      }
    },
  };
}

function send(
  socketPath: string,
  method: 'GET' | 'POST',
  path: string,
  body: unknown,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const {promise, resolve, reject} = Promise.withResolvers<IncomingMessage>();
  const text = body === undefined ? undefined : toJson(body);
  const headers: Record<string, string | number> = {host: 'localhost'};
  if (text !== undefined) {
    headers['content-type'] = 'application/json';
    headers['content-length'] = Buffer.byteLength(text);
  }
  // No agent: a kept-alive connection would keep the process alive too.
  const request = httpRequest({socketPath, method, path, headers, agent: false, signal});
  request.on('response', resolve);
  // After the response an error is also the response's, and ends the reading of it.
  request.on('error', reject);
  request.end(text);
  return promise;
}

/** Only waiting for the other side counts as its silence, not a reader of ours that takes its time. */
async function* textChunks(
  response: IncomingMessage,
  heard: <T>(wait: Promise<T>) => Promise<T>,
): AsyncGenerator<string, void> {
  response.setEncoding('utf8');
  const chunks = (response as AsyncIterable<string>)[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await heard(chunks.next());
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    response.destroy();
  }
}

/** A refusal has an error body; another answer with a high status, such as that of /readyz, is still an answer. */
async function readAnswer(response: IncomingMessage): Promise<unknown> {
  const text = await readText(response);
  if (response.headers['content-type']?.startsWith('application/json') !== true) {
    if (response.statusCode === 200) return text;
    throw refusal(response, text);
  }
  const body: unknown = JSON.parse(text);
  const error = (response.statusCode ?? 500) >= 400 ? fromErrorBody(body) : undefined;
  if (error !== undefined) throw error;
  return body;
}

async function readText(response: IncomingMessage): Promise<string> {
  return (await readAll(response, ANSWER_LIMIT_BYTES, () => new Error('answer too long'))).toString();
}

function refusal(response: IncomingMessage, text: string): QuiverError {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    body = undefined;
  }
  return (
    fromErrorBody(body) ??
    new QuiverError({
      code: 'CONTROL_PROTOCOL',
      message: `The running process answered ${response.statusCode} without saying why`,
      fix: 'Restart it with this version of quiver: quiver stop && quiver up',
    })
  );
}

/** Turns what sockets throw into what a user can act on; the caller's own abort stays what it is. */
function explain(error: unknown, signal: AbortSignal | undefined, silent: boolean): unknown {
  if (signal?.aborted === true) return signal.reason;
  if (error instanceof QuiverError) return error;
  if (silent) {
    return new QuiverError({
      code: 'CONTROL_SILENT',
      message: 'The running process does not answer',
      fix: 'Look at it with: quiver status; restart it with: quiver stop && quiver up',
      cause: error,
    });
  }
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (typeof code === 'string' && NOBODY_THERE.has(code)) return notRunning(error);
  if (code === 'EACCES' || code === 'EPERM') {
    return new QuiverError({
      code: 'CONTROL_DENIED',
      message: 'The running process belongs to another user',
      fix: 'Run this as the user who started it.',
      cause: error,
    });
  }
  return new QuiverError({
    code: 'CONTROL_LOST',
    message: 'The running process ended before its answer did',
    fix: 'Start it again: quiver up',
    cause: error,
  });
}

/** What every command says that needs a running process and finds none. */
function notRunning(cause: unknown): QuiverError {
  return new QuiverError({
    code: 'NOT_RUNNING',
    message: 'No quiver process runs in this profile',
    fix: 'quiver up',
    cause,
  });
}
