import {EXIT, QuiverError} from '../core/errors.ts';
import {readAll} from '../core/read-all.ts';
import {readIceAnswer, type IceAnswer} from './ice-server.ts';

/** An answer is made in microseconds; the rest is the way. */
const ANSWER_TIMEOUT_MS = 10_000;
/** A list as long as it may be has 100 KiB. */
const ANSWER_LIMIT_BYTES = 128 * 1024;
/** Where an API that was named by its host alone answers. */
const PATH = '/api/v1/turn/ice-servers';

export interface FetchIceServersOptions {
  /** Of the API; without a path, the usual one. */
  url: string;
  /** Whom the credentials are for: a DID, or any name that the API takes. */
  user: string;
  /** Bearer token, where the API asks for one. */
  token?: string | undefined;
  signal: AbortSignal;
}

/**
 * Asks an ICE servers API for its list. Errors: ICE_API_URL, ICE_API_UNREACHABLE, ICE_API_REFUSED, ICE_API_LIMITED,
 * ICE_SERVERS_INVALID, and the reason of `signal`.
 */
export async function fetchIceServers({url, user, token, signal}: FetchIceServersOptions): Promise<IceAnswer> {
  const where = apiUrl(url);
  where.searchParams.set(user.startsWith('did:') ? 'user_did' : 'user', user);
  signal.throwIfAborted();
  const until = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_TIMEOUT_MS)]);
  try {
    const headers = token === undefined ? {} : {authorization: `Bearer ${token}`};
    const response = await fetch(where, {headers, redirect: 'error', signal: until});
    const text = (await readAll(response.body, ANSWER_LIMIT_BYTES)).toString();
    if (!response.ok) throw refused(where, response.status);
    return readIceAnswer(parse(text));
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof QuiverError ? error : unreachable(where, error);
  }
}

function apiUrl(text: string): URL {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '') throw wrongUrl();
  if (url.pathname === '/') url.pathname = PATH;
  return url;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function refused(url: URL, status: number): QuiverError {
  if (status === 429) {
    return new QuiverError({
      code: 'ICE_API_LIMITED',
      message: `The ICE servers API at ${url.origin} was asked too often from here`,
      fix: 'Ask again in a minute.',
      exit: EXIT.refused,
    });
  }
  const isLocked = status === 401 || status === 403;
  return new QuiverError({
    code: 'ICE_API_REFUSED',
    message: `The ICE servers API at ${url.origin} answered ${status}`,
    fix: isLocked ? 'It needs a token, which its operator has: --token-file FILE' : `See what it says: ${curl(url)}`,
    ...(isLocked && {exit: EXIT.refused}),
  });
}

function unreachable(url: URL, cause: unknown): QuiverError {
  return new QuiverError({
    code: 'ICE_API_UNREACHABLE',
    message: `The ICE servers API at ${url.origin} does not answer`,
    fix: `See what is wrong: ${curl(url)}`,
    cause,
  });
}

/** URLs may have quotation marks in them, and this is to be pasted. */
function curl({href}: URL): string {
  return `curl -i '${href.replaceAll("'", '%27')}'`;
}

function wrongUrl(): QuiverError {
  return new QuiverError({
    code: 'ICE_API_URL',
    message: 'That is no URL of an ICE servers API',
    fix: 'Write it like http://127.0.0.1:8083 or https://turn.example/api/v1/turn/ice-servers',
    exit: EXIT.usage,
  });
}
