import type {IncomingMessage, ServerResponse} from 'node:http';

import {EXIT, QuiverError} from '../core/errors.ts';
import {readAll} from '../core/read-all.ts';
import {errorStatus, toErrorBody} from '../service/error-body.ts';
import {MESSAGE_MAX_BYTES} from './protocol.ts';

/** Messages of one request: an offer with its candidates. */
const LINES_LIMIT = 64;
const POST_MAX_BYTES = 2 * MESSAGE_MAX_BYTES;

const STATUS = new Map([
  ['SIGNAL_NO_SESSION', 404],
  ['SIGNAL_REPLACED', 409],
  ['SIGNAL_TOKEN', 401],
  ['SIGNAL_TOKEN_USED', 401],
  ['RECORD_INVALID', 401],
  ['RECORD_EXPIRED', 401],
  ['CLOCK', 401],
  ['SIGNAL_RATE', 429],
  ['SIGNAL_FULL', 503],
  ['SIGNAL_DRAINING', 503],
  ['SIGNAL_ROOM_FULL', 503],
  ['SIGNAL_INVALID', 400],
  ['SIGNAL_NOT_JOINED', 400],
  ['SIGNAL_NOT_ALLOWED', 403],
  ['BODY_TOO_LARGE', 413],
  ['BODY_TYPE', 415],
  ['NO_SUCH_ROUTE', 404],
  ['WRONG_METHOD', 405],
  ['WRONG_ORIGIN', 403],
]);

/** One message a line. A page elsewhere can post text without asking, but these types only after a CORS preflight. */
export async function readLines(request: IncomingMessage): Promise<string[]> {
  const type = request.headers['content-type']?.split(';')[0]?.trim().toLowerCase();
  if (type !== 'application/json' && type !== 'application/x-ndjson') throw wrongType();
  const lines = (await readAll(request, POST_MAX_BYTES, tooLarge))
    .toString()
    .split('\n', LINES_LIMIT + 1)
    .filter((line) => line.trim() !== '');
  if (lines.length > LINES_LIMIT) throw tooLarge();
  return lines;
}

/** Says why a request was refused. */
export function sendFailure(response: ServerResponse, error: unknown): void {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const status = (error instanceof QuiverError && STATUS.get(error.code)) || errorStatus(error);
  if (status === 429 || status === 503) response.setHeader('retry-after', '1');
  // What has not been read of a body would be taken for the next request.
  if (!response.req.complete) response.setHeader('connection', 'close');
  sendJson(response, status, {error: toErrorBody(error)});
}

export function sendJson(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, {'content-type': 'application/json'});
  response.end(JSON.stringify(value));
}

function wrongType(): QuiverError {
  return new QuiverError({
    code: 'BODY_TYPE',
    message: 'The body is not declared as JSON',
    fix: 'Send the header content-type: application/json',
    exit: EXIT.usage,
  });
}

function tooLarge(): QuiverError {
  return new QuiverError({
    code: 'BODY_TOO_LARGE',
    message: `The body has more than ${POST_MAX_BYTES} bytes or ${LINES_LIMIT} lines`,
    fix: 'Send less at once.',
    exit: EXIT.usage,
  });
}
