import type {IncomingMessage} from 'node:http';
import {isIP} from 'node:net';

import {EXIT, QuiverError} from '../core/errors.ts';
import {readAll} from '../core/read-all.ts';

/**
 * The parsed JSON body, undefined when there is none.
 * Errors: BODY_TOO_LARGE, BODY_TYPE, BODY_JSON.
 */
export async function readBody(request: IncomingMessage, limitBytes: number): Promise<unknown> {
  if (Number(request.headers['content-length'] ?? 0) > limitBytes) throw tooLarge(limitBytes);
  const body = await readAll(request, limitBytes, () => tooLarge(limitBytes));
  if (body.length === 0) return undefined;
  checkType(request);
  return parse(body);
}

/** `/a/b?c=d` in its parts; never throws, whatever a stranger sent. */
export function splitUrl(url: string): {path: string; query: URLSearchParams} {
  const mark = url.indexOf('?');
  if (mark === -1) return {path: url, query: new URLSearchParams()};
  return {path: url.slice(0, mark), query: new URLSearchParams(url.slice(mark + 1))};
}

/**
 * Refuses names that a web page could have pointed at this machine (DNS rebinding): only `localhost`, loopback
 * addresses and the address that the server was told to listen on may be called; all addresses, where it listens on all.
 */
export function checkHost(header: string | undefined, listenHost: string): void {
  const name = /^(\[[^\]]*\]|[^:]*)(:\d{1,5})?$/
    .exec(header ?? '')?.[1]
    ?.replaceAll(/[[\]]/g, '')
    .toLowerCase();
  if (name !== undefined && (name === 'localhost' || name === listenHost || isOurs(name, listenHost))) return;
  throw new QuiverError({
    code: 'WRONG_HOST',
    message: 'The Host header names another host than this one',
    fix: 'Call it by address: http://127.0.0.1:<port>',
    exit: EXIT.refused,
  });
}

function isOurs(name: string, listenHost: string): boolean {
  if (isIP(name) === 0) return false;
  return isLoopback(name) || listenHost === '0.0.0.0' || listenHost === '::';
}

function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.');
}

/** A page elsewhere can send text or forms here without asking, but JSON only after a CORS preflight, which fails. */
function checkType(request: IncomingMessage): void {
  const type = request.headers['content-type']?.split(';')[0]?.trim().toLowerCase();
  if (type === 'application/json') return;
  throw new QuiverError({
    code: 'BODY_TYPE',
    message: 'The body is not declared as JSON',
    fix: 'Send the header content-type: application/json',
    exit: EXIT.usage,
  });
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', {fatal: true}).decode(bytes));
  } catch {
    throw new QuiverError({
      code: 'BODY_JSON',
      message: 'The body is not JSON in UTF-8',
      fix: 'Send one JSON value.',
      exit: EXIT.usage,
    });
  }
}

function tooLarge(limitBytes: number): QuiverError {
  return new QuiverError({
    code: 'BODY_TOO_LARGE',
    message: `The body is larger than ${limitBytes} bytes`,
    fix: 'Send less at once.',
    exit: EXIT.usage,
  });
}
