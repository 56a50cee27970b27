import {Agent as HttpAgent, request as httpRequest, type IncomingMessage} from 'node:http';
import {Agent as HttpsAgent, request as httpsRequest} from 'node:https';
import {readAll} from '../../../core/read-all.ts';
import {BackendError} from '../errors.ts';
import {errorFromResponse} from './response-error.ts';

/** Every back end that answers with more than this to a question about itself is not one. */
const MAX_JSON_BYTES = 4 * 1024 * 1024;
/** Questions about a back end itself are answered at once or not at all. */
const QUESTION_MS = 10_000;

export interface HttpCall {
  signal: AbortSignal;
  /** Sent as JSON; makes it a POST. */
  body?: unknown;
  /** Until the headers of the answer are there. */
  timeoutMs?: number;
}

export interface JsonCall extends HttpCall {
  maxBytes?: number;
}

/**
 * HTTP to one back end over kept-alive connections: no redirects, bounded bodies, a deadline on everything, and only
 * `BackendError`s. An aborted call rejects with the signal's reason.
 */
export class HttpClient {
  /** Origin and path prefix, without a trailing slash, `/v1` or credentials. */
  readonly url: string;
  readonly host: string;
  readonly #base: URL;
  readonly #agent: HttpAgent | HttpsAgent;
  readonly #headers: Record<string, string>;

  constructor(url: string, apiKey?: string) {
    this.#base = parseBase(url);
    this.host = this.#base.host;
    this.url = `${this.#base.origin}${this.#base.pathname.replace(/\/$/, '')}`;
    const {username, password} = this.#base;
    const basic = Buffer.from(`${decoded(username)}:${decoded(password)}`).toString('base64');
    this.#headers = {
      accept: '*/*',
      ...(username !== '' && {authorization: `Basic ${basic}`}),
      ...(apiKey !== undefined && apiKey !== '' && {authorization: `Bearer ${apiKey}`}),
    };
    const Agent = this.#base.protocol === 'https:' ? HttpsAgent : HttpAgent;
    this.#agent = new Agent({keepAlive: true});
  }

  /** Sends a request and resolves with a 200 answer whose body is still to be read. */
  async open(path: string, call: HttpCall): Promise<IncomingMessage> {
    const response = await this.raw(path, call);
    if (response.statusCode === 200) return response;
    const signal = AbortSignal.any([call.signal, AbortSignal.timeout(QUESTION_MS)]);
    const text = await readText(response, MAX_JSON_BYTES, signal).catch(() => '');
    call.signal.throwIfAborted();
    throw errorFromResponse(this.url, response.statusCode ?? 0, response.headers, text);
  }

  /** Sends a request and resolves with the answer, whatever its status. */
  async raw(path: string, call: HttpCall): Promise<IncomingMessage> {
    call.signal.throwIfAborted();
    try {
      return await this.#send(path, call);
    } catch (error) {
      call.signal.throwIfAborted();
      if (!(error instanceof StaleConnectionError)) throw unreachable(this.url, error);
      return await this.#send(path, call).catch((again: unknown) => {
        call.signal.throwIfAborted();
        throw unreachable(this.url, again);
      });
    }
  }

  /** Sends a request and resolves with the JSON of a 200 answer. */
  async json(path: string, call: JsonCall): Promise<unknown> {
    const deadline = AbortSignal.timeout(call.timeoutMs ?? QUESTION_MS);
    const response = await this.open(path, call);
    try {
      const text = await readText(response, call.maxBytes ?? MAX_JSON_BYTES, AbortSignal.any([call.signal, deadline]));
      return JSON.parse(text) as unknown;
    } catch {
      call.signal.throwIfAborted();
      throw broken(this.url, deadline.aborted ? 'its answer does not end' : 'its answer is too long or not JSON');
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  #send(path: string, {signal, body, timeoutMs = QUESTION_MS}: HttpCall): Promise<IncomingMessage> {
    const {promise, resolve, reject} = Promise.withResolvers<IncomingMessage>();
    const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    const send = this.#base.protocol === 'https:' ? httpsRequest : httpRequest;
    const request = send(new URL(`${this.url}${path}`), {
      agent: this.#agent,
      method: payload === undefined ? 'GET' : 'POST',
      signal,
      headers: {
        ...this.#headers,
        ...(payload !== undefined && {'content-type': 'application/json', 'content-length': payload.length}),
      },
    });
    const timer = setTimeout(() => request.destroy(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    request.on('response', (response) => {
      clearTimeout(timer);
      resolve(response);
    });
    request.on('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      // The server closed an idle connection while we were using it: nothing has been worked on.
      const stale = request.reusedSocket && error.code === 'ECONNRESET';
      reject(stale ? new StaleConnectionError() : error);
    });
    request.end(payload);
    return promise;
  }
}

class StaleConnectionError extends Error {}

/** Collects a body as text; rejects when it is longer than allowed. */
export async function readText(response: IncomingMessage, maxBytes: number, signal: AbortSignal): Promise<string> {
  const stop = (): void => void response.destroy(new Error('stopped'));
  signal.addEventListener('abort', stop, {once: true});
  try {
    const body = await readAll(response, maxBytes, () => new Error(`more than ${maxBytes} bytes`));
    return body.toString();
  } finally {
    signal.removeEventListener('abort', stop);
    response.destroy();
  }
}

export function unreachable(url: string, cause: unknown): BackendError {
  const code = cause instanceof Error && 'code' in cause ? ` (${String(cause.code)})` : '';
  return new BackendError({
    code: 'BACKEND_UNREACHABLE',
    message: `the back end at ${url} does not answer${code}`,
    fix: `Start it, or check its address: curl ${url}/v1/models`,
    retryable: true,
    cause,
  });
}

export function broken(url: string, why: string, cause?: unknown): BackendError {
  return new BackendError({
    code: 'BACKEND_ERROR',
    message: `the back end at ${url} failed: ${why}`,
    fix: "Look into the back end's own log.",
    retryable: true,
    cause,
  });
}

/** A `%` that begins no escape is taken as it is. */
function decoded(text: string): string {
  return text.replaceAll(/(?:%[0-9a-f]{2})+/gi, (escapes) =>
    Buffer.from(escapes.replaceAll('%', ''), 'hex').toString(),
  );
}

function parseBase(url: string): URL {
  const base = URL.parse(url.includes('://') ? url : `http://${url}`);
  if (base === null || (base.protocol !== 'http:' && base.protocol !== 'https:')) {
    throw new BackendError({
      code: 'BACKEND_UNREACHABLE',
      message: 'the address of a back end must be an http or https URL',
      fix: 'Write it like http://127.0.0.1:8080',
    });
  }
  base.pathname = base.pathname.replace(/\/+$/, '').replace(/\/v1$/, '');
  return base;
}
