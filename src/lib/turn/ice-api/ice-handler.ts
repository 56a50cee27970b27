import type {IncomingMessage, ServerResponse} from 'node:http';

import {EXIT, QuiverError} from '../../core/errors.ts';
import {toJson} from '../../core/json.ts';
import {CidrSet} from '../../core/ip-address.ts';
import type {Logger} from '../../observability/logger.ts';
import {toErrorBody} from '../../service/error-body.ts';
import {checkHost, splitUrl} from '../../service/http-request.ts';
import {SourceLimiter} from '../../stun/source-limiter.ts';
import {callerOf, hasToken, type Caller} from './access.ts';
import {CrossOrigin} from './cross-origin.ts';
import type {IceServersAnswer} from './ice-servers.ts';
import {readUser} from './user.ts';

export const ICE_PATHS: ReadonlySet<string> = new Set(['/api/v1/turn/ice-servers', '/api/v1/ice/servers']);

/** How a request ended, for metrics. */
export type IceResult = 'issued' | 'preflight' | 'invalid' | 'unauthorized' | 'limited' | 'unavailable' | 'failed';

const RESULTS: readonly IceResult[] = [
  'issued',
  'preflight',
  'invalid',
  'unauthorized',
  'limited',
  'unavailable',
  'failed',
];

/** What answers are refused with, and how that counts; anything else is our own failure. */
const REFUSALS = new Map<string, {status: number; result: IceResult}>([
  ['ICE_USER', {status: 400, result: 'invalid'}],
  ['WRONG_METHOD', {status: 405, result: 'invalid'}],
  ['ICE_TOKEN', {status: 401, result: 'unauthorized'}],
  ['WRONG_HOST', {status: 403, result: 'unauthorized'}],
  ['ICE_LIMITED', {status: 429, result: 'limited'}],
  ['ICE_NO_SERVERS', {status: 503, result: 'unavailable'}],
]);

export interface IceAccess {
  /** Origins of web pages that may read the answers, or `*`. */
  corsOrigins: readonly string[];
  /** What callers from beyond this machine have to send, unless it is public. */
  token?: string | undefined;
  /** Whoever asks gets credentials, within the limit. */
  publicIce: boolean;
  /** For each IPv4 address or IPv6 /64 beyond this machine, whoever has the token excepted. */
  limit: {perSecond: number; burst: number};
  /** Blocks of proxies, beyond those on this machine, whose X-Forwarded-For is believed. */
  proxies: readonly string[];
}

/**
 * The ICE servers API as a request handler that any HTTP server can mount: `GET` on each of `ICE_PATHS`.
 * Callers on this machine need no token, callers beyond it need it or `publicIce`.
 */
export class IceHandler {
  /** Requests by how they ended. */
  readonly results = new Map<IceResult, number>(RESULTS.map((result) => [result, 0]));
  readonly #access: IceAccess;
  readonly #answer: (user: string) => IceServersAnswer;
  readonly #log: Logger;
  readonly #crossOrigin: CrossOrigin;
  readonly #limiter: SourceLimiter;
  readonly #proxies: CidrSet;

  /** `answer` makes the list for a user, or throws a QuiverError. */
  constructor(options: {access: IceAccess; answer: (user: string) => IceServersAnswer; log: Logger}) {
    this.#access = options.access;
    this.#answer = options.answer;
    this.#log = options.log;
    this.#crossOrigin = new CrossOrigin(options.access.corsOrigins);
    this.#limiter = new SourceLimiter(options.access.limit);
    this.#proxies = new CidrSet(options.access.proxies);
  }

  /** Answers a request to one of `ICE_PATHS`; false, with nothing done, when it is to another. Never throws. */
  handle(request: IncomingMessage, response: ServerResponse): boolean {
    const {path, query} = splitUrl(request.url ?? '');
    if (!ICE_PATHS.has(path)) return false;
    response.setHeader('cache-control', 'no-store');
    response.setHeader('x-content-type-options', 'nosniff');
    // Nothing of a body is wanted, and what is not read would be taken for the next request.
    if (hasBody(request)) response.setHeader('connection', 'close');
    this.#count(this.#reply(request, response, query));
    return true;
  }

  #reply(request: IncomingMessage, response: ServerResponse, query: URLSearchParams): IceResult {
    try {
      if (request.method === 'OPTIONS') {
        this.#crossOrigin.preflight(request, response);
        return 'preflight';
      }
      this.#crossOrigin.allow(request, response);
      if (request.method !== 'GET') throw wrongMethod();
      this.#admit(request, callerOf(request, this.#proxies));
      send(response, 200, this.#answer(readUser(query)));
      return 'issued';
    } catch (error) {
      return this.#refuse(response, error);
    }
  }

  #admit(request: IncomingMessage, caller: Caller): void {
    const {token, publicIce, limit} = this.#access;
    if (token !== undefined && hasToken(request, token)) return;
    // A page elsewhere could have pointed a name of its own at this machine.
    if (caller.local && !publicIce) return checkHost(request.headers.host, 'localhost');
    if (caller.local) return;
    if (!this.#limiter.allow(caller, Date.now())) throw limited(limit);
    if (!publicIce) throw noToken();
  }

  #refuse(response: ServerResponse, error: unknown): IceResult {
    const code = error instanceof QuiverError ? error.code : '';
    const {status, result} = REFUSALS.get(code) ?? {status: 500, result: 'failed' as const};
    if (result === 'failed') this.#log.error({err: error}, 'a request for ICE servers failed');
    if (status === 401) response.setHeader('www-authenticate', 'Bearer');
    if (status === 405) response.setHeader('allow', 'GET, OPTIONS');
    if (status === 429) response.setHeader('retry-after', Math.ceil(1 / this.#access.limit.perSecond));
    send(response, status, {error: toErrorBody(error)});
    return result;
  }

  #count(result: IceResult): void {
    this.results.set(result, (this.results.get(result) ?? 0) + 1);
  }
}

function send(response: ServerResponse, status: number, body: object): void {
  const text = toJson(body);
  response.writeHead(status, {'content-type': 'application/json', 'content-length': Buffer.byteLength(text)});
  response.end(text);
}

function hasBody({headers}: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

function wrongMethod(): QuiverError {
  return new QuiverError({
    code: 'WRONG_METHOD',
    message: 'The ICE servers API is not called like that',
    fix: 'Use GET.',
    exit: EXIT.usage,
  });
}

function noToken(): QuiverError {
  return new QuiverError({
    code: 'ICE_TOKEN',
    message: 'The ICE servers API gives credentials to those who have its token',
    fix: 'Send the header authorization: Bearer <token>; the operator has it.',
    exit: EXIT.refused,
  });
}

function limited({perSecond}: IceAccess['limit']): QuiverError {
  return new QuiverError({
    code: 'ICE_LIMITED',
    message: `More requests came from your address than ${perSecond} a second`,
    fix: 'Keep the list as long as its ttl allows, and ask again later.',
    exit: EXIT.refused,
  });
}
