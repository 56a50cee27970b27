import {QuiverError} from '../../core/errors.ts';
import type {Logger} from '../../observability/logger.ts';
import type {Route} from '../../service/service.ts';
import type {EvmAnswer} from './edr.ts';

/** More than any library puts into one request by itself. */
const BATCH_LIMIT = 100;
const MAX_PARAMS = 16;

const INVALID_REQUEST = -32_600;
const INTERNAL_ERROR = -32_603;

type Ask = (method: string, params: readonly unknown[]) => Promise<EvmAnswer>;

/** JSON-RPC 2.0 over `POST /`, single or in batches. */
export function jsonRpcRoute(ask: Ask, log: Logger): Route {
  return {
    method: 'POST',
    path: '/',
    access: 'admin',
    async handle({body}) {
      if (!Array.isArray(body)) return {json: await answer(ask, log, body)};
      if (body.length === 0 || body.length > BATCH_LIMIT) {
        return {json: invalid(null, `a batch has 1 to ${BATCH_LIMIT} requests`)};
      }
      const answers: object[] = [];
      for (const request of body as unknown[]) answers.push(await answer(ask, log, request));
      return {json: answers};
    },
  };
}

async function answer(ask: Ask, log: Logger, request: unknown): Promise<object> {
  const {
    id,
    method,
    params = [],
  } = (typeof request === 'object' && request !== null ? request : {}) as {
    id?: unknown;
    method?: unknown;
    params?: unknown;
  };
  const ownId = typeof id === 'number' || typeof id === 'string' ? id : null;
  if (typeof method !== 'string') return invalid(ownId, 'there is no method');
  if (!Array.isArray(params) || params.length > MAX_PARAMS) return invalid(ownId, 'params is not a list');
  try {
    const {result, error} = await ask(method, params);
    return {jsonrpc: '2.0', id: ownId, ...(error === undefined ? {result: result ?? null} : {error})};
  } catch (error) {
    log.error({err: error, method}, 'the local chain failed');
    const message = error instanceof QuiverError ? `${error.message}. ${error.fix}` : 'the local chain failed';
    return {jsonrpc: '2.0', id: ownId, error: {code: INTERNAL_ERROR, message}};
  }
}

function invalid(id: string | number | null, reason: string): object {
  return {jsonrpc: '2.0', id, error: {code: INVALID_REQUEST, message: `invalid request: ${reason}`}};
}
