import type {IncomingMessage, ServerResponse} from 'node:http';

import {EXIT, QuiverError} from '../core/errors.ts';
import {audienceOf} from './protocol.ts';

const ANYONE = '*';
/** Browsers ask again after it. */
const PREFLIGHT_AGE_S = 600;

/** Which web pages may talk to us: those on a list, and pages of a name that is ours. */
export class Origins {
  readonly #listed: ReadonlySet<string>;
  readonly #audiences: ReadonlySet<string>;

  constructor(origins: readonly string[], audiences: ReadonlySet<string>) {
    this.#listed = new Set(origins.map((origin) => origin.toLowerCase()));
    this.#audiences = audiences;
  }

  /** Whether a request comes from such a page, or from none. */
  has({headers: {origin}}: IncomingMessage): boolean {
    if (origin === undefined || this.#listed.has(ANYONE) || this.#listed.has(origin.toLowerCase())) return true;
    // Not the Host header: a page whose name was pointed here (DNS rebinding) has the same one.
    const url = URL.parse(origin);
    return url !== null && this.#audiences.has(audienceOf(url));
  }

  /** Lets the page read the answer (Fetch standard, "HTTP-CORS protocol"). Throws WRONG_ORIGIN. */
  allow(request: IncomingMessage, response: ServerResponse): void {
    const {origin} = request.headers;
    response.setHeader('vary', 'origin');
    if (origin === undefined) return;
    if (!this.has(request)) throw wrongOrigin();
    response.setHeader('access-control-allow-origin', origin);
    response.setHeader('access-control-expose-headers', 'retry-after');
    if (request.method !== 'OPTIONS') return;
    response.setHeader('access-control-allow-methods', 'GET, POST, DELETE');
    response.setHeader('access-control-allow-headers', 'authorization, content-type');
    response.setHeader('access-control-max-age', PREFLIGHT_AGE_S);
  }
}

function wrongOrigin(): QuiverError {
  return new QuiverError({
    code: 'WRONG_ORIGIN',
    message: 'Pages of this origin may not use this server',
    fix: 'Ask its operator to add the origin to signal.origins.',
    exit: EXIT.refused,
  });
}
