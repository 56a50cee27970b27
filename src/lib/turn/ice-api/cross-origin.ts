import type {IncomingMessage, ServerResponse} from 'node:http';

/** Browsers ask again after it; changing the list takes effect as fast. */
const PREFLIGHT_AGE_S = 600;
const ANYONE = '*';

/** Which web pages may read the answers (Fetch standard, "HTTP-CORS protocol"): origins, or `*` for all. */
export class CrossOrigin {
  readonly #origins: ReadonlySet<string>;

  constructor(origins: readonly string[]) {
    this.#origins = new Set(origins.map((origin) => origin.toLowerCase()));
  }

  /** Sets what lets the page behind a request read its answer, if it may. */
  allow(request: IncomingMessage, response: ServerResponse): void {
    const {origin} = request.headers;
    const anyone = this.#origins.has(ANYONE);
    // A cache must not give one page the answer that names another.
    if (!anyone) response.setHeader('vary', 'origin');
    if (origin === undefined || !(anyone || this.#origins.has(origin.toLowerCase()))) return;
    response.setHeader('access-control-allow-origin', anyone ? ANYONE : origin);
    response.setHeader('access-control-expose-headers', 'retry-after');
  }

  /** Answers the question that browsers ask before they send a token along. */
  preflight(request: IncomingMessage, response: ServerResponse): void {
    this.allow(request, response);
    if (response.hasHeader('access-control-allow-origin')) {
      response.setHeader('access-control-allow-methods', 'GET');
      response.setHeader('access-control-allow-headers', 'authorization');
      response.setHeader('access-control-max-age', PREFLIGHT_AGE_S);
    }
    response.statusCode = 204;
    response.end();
  }
}
