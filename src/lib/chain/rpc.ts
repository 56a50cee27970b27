import {QuiverError} from '../core/errors.ts';
import {readAll} from '../core/read-all.ts';
import type {Logger} from '../observability/logger.ts';
import {countOf} from './answers.ts';
import {noServers, RpcRefusal, unreachable, wrongChain} from './chain-errors.ts';

/** Public servers answer in well under a second; one that takes longer is overloaded, and the next is tried. */
const ANSWER_DEADLINE_MS = 8_000;
/** Logs of a busy contract over thousands of blocks. */
const ANSWER_LIMIT_BYTES = 16 * 1024 * 1024;

/** Of what a server gives as its reason; it is shown. */
const MAX_REASON_LENGTH = 400;

/** What servers answer when they have had enough of us: another may not. */
const RATE_LIMIT_CODES = new Set([-32_005, -32_029, 429]);

export interface RpcOptions {
  /** In the order in which they are tried. */
  urls: readonly string[];
  chainId: number;
  /** For people. */
  chainName: string;
  /** Ends every request. */
  signal?: AbortSignal | undefined;
  log?: Logger | undefined;
  /** For each answer. @default 8_000 */
  deadlineMs?: number | undefined;
}

interface Server {
  url: string;
  /** Host and port alone: paths and user names of RPC servers hold API keys. */
  label: string;
  /** Whether it said that it serves our chain. */
  checked: boolean;
}

/**
 * JSON-RPC over HTTP to several servers of one chain. The one that answered last is asked first; before a server is
 * used for anything it must have named the right chain id.
 * Errors: CHAIN_UNREACHABLE, CHAIN_WRONG_ID, CHAIN_NO_SERVER, and RpcRefusal for what the server itself refuses.
 */
export class RpcClient {
  readonly #options: RpcOptions;
  readonly #servers: readonly Server[];
  readonly #local: boolean;
  #preferred = 0;
  #nextId = 1;

  constructor(options: RpcOptions) {
    if (options.urls.length === 0) throw noServers(options.chainName);
    this.#options = options;
    this.#servers = options.urls.map((url) => ({url, label: hostOf(url), checked: false}));
    this.#local = this.#servers.every(({label}) => /^(127\.|localhost|\[::1\])/.test(label));
  }

  async request(method: string, params: readonly unknown[]): Promise<unknown> {
    const {chainName, chainId, signal, log} = this.#options;
    const problems: string[] = [];
    const wrong: string[] = [];
    for (let turn = 0; turn < this.#servers.length; turn += 1) {
      const index = (this.#preferred + turn) % this.#servers.length;
      const server = this.#servers[index] as Server;
      try {
        const found = server.checked ? chainId : await this.#chainIdOf(server);
        if (found !== chainId) {
          wrong.push(`${server.label} serves chain ${found}`);
          continue;
        }
        server.checked = true;
        const result = await this.#ask(server, method, params);
        this.#preferred = index;
        return result;
      } catch (error) {
        signal?.throwIfAborted();
        if (error instanceof RpcRefusal && !RATE_LIMIT_CODES.has(error.rpcCode)) throw error;
        const problem = `${server.label} ${problemText(error)}`;
        problems.push(problem);
        log?.debug({server: server.label, method, problem}, 'an RPC server failed');
      }
    }
    if (wrong.length > 0) throw wrongChain(chainName, chainId, [...wrong, ...problems]);
    throw unreachable(chainName, problems, this.#local);
  }

  /** A server that doesn't tell which chain it serves is one that failed. */
  async #chainIdOf(server: Server): Promise<number> {
    try {
      return countOf('eth_chainId', await this.#ask(server, 'eth_chainId', []));
    } catch (error) {
      if (error instanceof RpcRefusal) throw new Error(problemText(error), {cause: error});
      throw error instanceof QuiverError ? new Error('does not say which chain it serves', {cause: error}) : error;
    }
  }

  async #ask(server: Server, method: string, params: readonly unknown[]): Promise<unknown> {
    const deadline = AbortSignal.timeout(this.#options.deadlineMs ?? ANSWER_DEADLINE_MS);
    const {signal} = this.#options;
    const id = this.#nextId++;
    const {url, authorization} = splitUrl(server.url);
    const response = await fetch(url, {
      method: 'POST',
      headers: {'content-type': 'application/json', ...authorization},
      body: JSON.stringify({jsonrpc: '2.0', id, method, params}),
      // A server that moved has to be named anew: what we send is not for whoever it points at.
      redirect: 'error',
      signal: signal === undefined ? deadline : AbortSignal.any([signal, deadline]),
    });
    const body = await readAll(response.body, ANSWER_LIMIT_BYTES, () => new Error('answered with too much'));
    return resultOf(body.toString(), response.status);
  }
}

/** `fetch` refuses addresses with a user and a password in them. */
function splitUrl(text: string): {url: string; authorization: Record<string, string>} {
  const url = new URL(text);
  if (url.username === '' && url.password === '') return {url: text, authorization: {}};
  const credentials = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  url.username = '';
  url.password = '';
  return {url: url.href, authorization: {authorization: `Basic ${Buffer.from(credentials).toString('base64')}`}};
}

interface RpcError {
  code?: unknown;
  message?: unknown;
  data?: unknown;
}

function resultOf(text: string, status: number): unknown {
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    throw new Error(`answered with HTTP ${status} and no JSON`);
  }
  const {result, error} = (typeof answer === 'object' && answer !== null ? answer : {}) as {
    result?: unknown;
    error?: RpcError;
  };
  if (typeof error === 'object' && error !== null) throw refusalOf(error);
  if (result === undefined || status >= 400) throw new Error(`answered with HTTP ${status} and no result`);
  return result;
}

function refusalOf({code, message, data}: RpcError): RpcRefusal {
  const text = typeof message === 'string' ? message.slice(0, MAX_REASON_LENGTH) : 'no reason given';
  return new RpcRefusal(typeof code === 'number' ? code : 0, text, revertDataOf(data));
}

/** geth puts what a revert returned in `data`, EDR and others in `data.data`. */
function revertDataOf(data: unknown): string | undefined {
  const inner: unknown = typeof data === 'object' && data !== null && 'data' in data ? data.data : data;
  return typeof inner === 'string' && /^0x(?:[0-9a-fA-F]{2})*$/.test(inner) ? inner : undefined;
}

function hostOf(text: string): string {
  try {
    return new URL(text).host;
  } catch {
    throw new QuiverError({
      code: 'CHAIN_BAD_URL',
      message: 'The address of an RPC server is not a URL',
      fix: 'Write it like https://rpc.example',
      exit: 2,
    });
  }
}

function problemText(error: unknown): string {
  if (error instanceof RpcRefusal) return `refused (${error.message})`;
  if (!(error instanceof Error)) return 'failed';
  if (error.name === 'TimeoutError') return 'did not answer in time';
  // What `fetch` itself says is that it failed.
  if (!(error instanceof TypeError) || !(error.cause instanceof Error)) return error.message;
  const reason = 'code' in error.cause ? String(error.cause.code) : error.cause.message;
  return reason === 'ECONNREFUSED' ? 'refused the connection' : `failed (${reason})`;
}
