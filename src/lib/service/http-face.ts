import type {IncomingMessage, Server, ServerResponse} from 'node:http';
import {createServer} from 'node:http';
import type {AddressInfo, ListenOptions, Socket} from 'node:net';

import {EXIT, QuiverError} from '../core/errors.ts';
import {pause} from '../core/pause.ts';
import type {Logger} from '../observability/logger.ts';
import {sendError, sendReply} from './http-reply.ts';
import {checkHost, readBody, splitUrl} from './http-request.ts';
import type {Access, RouteTable} from './routes.ts';
import type {Route} from './service.ts';
import {SourceCount} from './source-count.ts';

/** Ours and Prometheus' headers are a few hundred bytes. */
const HEADER_LIMIT_BYTES = 8 * 1024;
/** Callers are on this machine; one that dawdles over its headers is broken or hostile. */
const HEADERS_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 30_000;
/** How often Node looks for requests past those limits. */
const CHECK_INTERVAL_MS = 1_000;
/** Many commands and a scraper at once, far below the usual limit of 1024 open files. */
const CONNECTION_LIMIT = 128;
/** Of one host elsewhere, where an operator has opened the port to others: a scraper needs one. */
const CONNECTIONS_PER_STRANGER = 16;
const ADMIN_BODY_LIMIT_BYTES = 1024 * 1024;
/** A prompt with its history for a model with a long context. */
const CONTROL_BODY_LIMIT_BYTES = 4 * 1024 * 1024;
/** Time for answers under way, once everything else has stopped. */
const CLOSE_GRACE_MS = 500;
const CLOSE_CHECK_MS = 10;

export interface HttpFaceOptions {
  access: Access;
  routes: RouteTable;
  version: string;
  log: Logger;
  /** Aborted when the host stops: ends every handler and stream. */
  stopping: AbortSignal;
  /** For TCP: the host it listens on, to check the Host header against. */
  listenHost?: string;
}

/**
 * A small HTTP server for one's own machine: JSON, text and JSON lines; GET and POST; everything bounded; no CORS.
 * Every answer carries `x-quiver: <version>`, so that no port of ours is taken for somebody else's server.
 */
export class HttpFace {
  readonly #options: HttpFaceOptions;
  readonly #server: Server;
  readonly #active = new Set<ServerResponse>();
  readonly #strangers = new SourceCount(CONNECTIONS_PER_STRANGER);

  constructor(options: HttpFaceOptions) {
    this.#options = options;
    this.#server = createServer({
      maxHeaderSize: HEADER_LIMIT_BYTES,
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      connectionsCheckingInterval: CHECK_INTERVAL_MS,
      // Node's own refusal would lack our header; checkHost refuses instead.
      requireHostHeader: false,
    });
    this.#server.maxConnections = CONNECTION_LIMIT;
    this.#server.on('connection', (socket: Socket) => {
      if (!this.#strangers.take(socket)) socket.destroy();
    });
    this.#server.on('request', (request, response) => void this.#handle(request, response));
    this.#server.on('checkExpectation', (_request, response: ServerResponse) => this.#refuse(response, expectation()));
    this.#server.on('clientError', (_error, socket: Socket) => this.#garbage(socket));
  }

  async listen(where: ListenOptions): Promise<void> {
    const {promise, resolve, reject} = Promise.withResolvers<void>();
    this.#server.once('error', reject);
    this.#server.listen(where, resolve);
    await promise;
    this.#server.off('error', reject);
    this.#server.on('error', (error) => this.#options.log.error({err: error}, 'the local HTTP server failed'));
  }

  /** The port that was given, for TCP. */
  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeIdleConnections();
    for (let waitedMs = 0; this.#active.size > 0 && waitedMs < CLOSE_GRACE_MS; waitedMs += CLOSE_CHECK_MS) {
      await pause(CLOSE_CHECK_MS);
    }
    this.#server.closeAllConnections();
    await closed;
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const {log, stopping} = this.#options;
    this.#setHeaders(response);
    this.#active.add(response);
    const left = new AbortController();
    response.once('close', () => {
      this.#active.delete(response);
      left.abort();
    });
    try {
      const {route, query} = this.#route(request);
      const body = await readBody(request, bodyLimitBytes(route));
      const signal = AbortSignal.any([left.signal, stopping]);
      await sendReply(response, await route.handle({query, body, signal}), {stopping, log});
    } catch (error) {
      if (left.signal.aborted) return;
      if (!(error instanceof QuiverError)) log.error({err: error, path: request.url}, 'a request failed');
      this.#refuse(response, error);
    }
  }

  #route(request: IncomingMessage): {route: Route; query: URLSearchParams} {
    const {access, routes, listenHost} = this.#options;
    if (listenHost !== undefined) checkHost(request.headers.host, listenHost);
    const {path, query} = splitUrl(request.url ?? '');
    return {route: routes.find(request.method ?? '', path, access), query};
  }

  #setHeaders(response: ServerResponse): void {
    response.setHeader('x-quiver', this.#options.version);
    response.setHeader('x-content-type-options', 'nosniff');
    response.setHeader('cache-control', 'no-store');
  }

  #refuse(response: ServerResponse, error: unknown): void {
    this.#setHeaders(response);
    // Whatever of the body has not been read would be taken for the next request.
    if (!response.req.complete) response.setHeader('connection', 'close');
    sendError(response, error);
  }

  /** What can't be parsed, or takes too long to come, has no response object; answer by hand. */
  #garbage(socket: Socket): void {
    if (!socket.writable) return;
    // Whoever keeps its own half open would keep one of the few connections.
    socket.once('finish', () => socket.destroy());
    socket.end(
      `HTTP/1.1 400 Bad Request\r\nx-quiver: ${this.#options.version}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`,
    );
  }
}

function bodyLimitBytes(route: Route): number {
  return route.access === 'control' ? CONTROL_BODY_LIMIT_BYTES : ADMIN_BODY_LIMIT_BYTES;
}

function expectation(): QuiverError {
  return new QuiverError({
    code: 'EXPECTATION',
    message: 'The Expect header asks for something unknown',
    fix: 'Leave the Expect header out.',
    exit: EXIT.usage,
  });
}
