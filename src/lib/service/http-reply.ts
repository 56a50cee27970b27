import type {ServerResponse} from 'node:http';

import {QuiverError} from '../core/errors.ts';
import {toJson} from '../core/json.ts';
import type {Logger} from '../observability/logger.ts';
import {errorStatus, toErrorBody} from './error-body.ts';
import type {RouteReply} from './service.ts';

const STATUS_OF_CODE = new Map([
  ['NO_SUCH_ROUTE', 404],
  ['WRONG_METHOD', 405],
  ['CONTROL_ONLY', 403],
  ['WRONG_HOST', 403],
  ['BODY_TOO_LARGE', 413],
  ['BODY_TYPE', 415],
  ['EXPECTATION', 417],
  ['STARTING', 503],
]);

/** Sends what a route answered; resolves once everything is handed over or the caller has left. */
export async function sendReply(response: ServerResponse, reply: RouteReply, context: StreamContext): Promise<void> {
  response.statusCode = reply.status ?? 200;
  if ('ndjson' in reply) {
    response.setHeader('content-type', 'application/x-ndjson');
    await sendLines(response, reply.ndjson, context);
  } else if ('text' in reply) {
    response.setHeader('content-type', reply.contentType ?? 'text/plain; charset=utf-8');
    response.end(reply.text);
  } else {
    response.setHeader('content-type', 'application/json');
    response.end(toJson(reply.json));
  }
}

export function sendError(response: ServerResponse, error: unknown): void {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  response.statusCode = (error instanceof QuiverError && STATUS_OF_CODE.get(error.code)) || errorStatus(error);
  response.setHeader('content-type', 'application/json');
  response.end(toJson(toErrorBody(error)));
}

export interface StreamContext {
  /** Aborted when the host stops. */
  stopping: AbortSignal;
  log: Logger;
}

/**
 * Writes one line per item, waiting for slow readers, so that no more than one buffer of lines is ever held.
 * A failure becomes the last line, `{"error":{code,message,fix}}`, since the status was sent long ago.
 */
async function sendLines(
  response: ServerResponse,
  source: AsyncIterable<unknown>,
  {stopping, log}: StreamContext,
): Promise<void> {
  const items = source[Symbol.asyncIterator]();
  const fail = (error: unknown): void => {
    if (!response.writable) return;
    response.end(`${toJson({error: toErrorBody(error)})}\n`);
  };
  const onStop = (): void => fail(stoppingError());
  stopping.addEventListener('abort', onStop, {once: true});
  // A source that waits for its next item learns of the end only by its own signal; don't wait for it here.
  response.once('close', () => void items.return?.().then(undefined, () => undefined));
  response.flushHeaders();
  try {
    while (response.writable) {
      const next = await items.next();
      if (next.done === true || !response.writable) break;
      if (!response.write(`${toJson(next.value)}\n`)) await drained(response);
    }
    response.end();
  } catch (error) {
    if (!(error instanceof QuiverError) && response.writable) log.error({err: error}, 'a stream failed');
    fail(error);
  } finally {
    stopping.removeEventListener('abort', onStop);
  }
}

function drained(response: ServerResponse): Promise<void> {
  const {promise, resolve} = Promise.withResolvers<void>();
  const done = (): void => {
    response.off('drain', done);
    response.off('close', done);
    resolve();
  };
  response.on('drain', done);
  response.on('close', done);
  if (response.destroyed) done();
  return promise;
}

function stoppingError(): QuiverError {
  return new QuiverError({
    code: 'STOPPING',
    message: 'The process that answered is being stopped',
    fix: 'Ask again once it runs: quiver up',
  });
}
