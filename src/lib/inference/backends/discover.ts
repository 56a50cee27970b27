import {maskCredentials} from '../../core/mask.ts';
import type {Backend} from '../backend.ts';
import {BackendError} from './errors.ts';
import {broken, HttpClient, readText, unreachable} from './http/http-client.ts';
import {asText, pick} from './json-value.ts';
import {createOllamaBackend} from './ollama.ts';
import {createOpenAiBackend} from './openai.ts';
import {kindOf} from './openai/server-kinds.ts';

/** Ollama, llama.cpp server, a second one beside it, vLLM, LM Studio. */
export const DEFAULT_PORTS: readonly number[] = [11434, 8080, 8081, 8000, 1234];

/** Somebody waits for it, and everything that is asked is on this machine or named by the user. */
const DEFAULT_TIMEOUT_MS = 1000;
/** What has been recognised gets this much longer to list its models, of which there may be a hundred. */
const DETAILS_FACTOR = 5;
const MAX_ANSWER_BYTES = 1024 * 1024;

export interface BackendAddress {
  url: string;
  apiKey?: string | undefined;
}

export interface DiscoverOptions {
  /** Back ends that the configuration names. */
  urls?: readonly (string | BackendAddress)[];
  /** Ports of 127.0.0.1 to look at. @default 11434, 8080, 8081, 8000, 1234 */
  ports?: readonly number[];
  signal: AbortSignal;
  /** Until an address has been recognised or given up. @default 1000 */
  timeoutMs?: number;
  /** Hears why an address that the configuration names is not among the results. */
  onProblem?: (url: string, error: unknown) => void;
}

/** Finds the inference servers of this machine and those named, all at once. Never rejects but when aborted. */
export async function discoverBackends(options: DiscoverOptions): Promise<Backend[]> {
  const {urls = [], ports = DEFAULT_PORTS, timeoutMs = DEFAULT_TIMEOUT_MS, onProblem} = options;
  options.signal.throwIfAborted();
  const named = urls.map((entry) => (typeof entry === 'string' ? {url: entry} : entry));
  const local = ports.map((port) => ({url: `http://127.0.0.1:${port}`}));
  const addresses = new Map<string, BackendAddress & {named: boolean}>();
  for (const address of local) addresses.set(address.url, {...address, named: false});
  for (const address of named) addresses.set(key(address.url), {...address, named: true});

  const found = await Promise.all(
    [...addresses.values()].map(async (address) => {
      try {
        return await connect(address, options.signal, timeoutMs);
      } catch (error) {
        if (address.named) onProblem?.(key(address.url), error);
        return undefined;
      }
    }),
  );
  const backends = found.filter((backend) => backend !== undefined);
  if (options.signal.aborted) await Promise.all(backends.map((backend) => backend.close()));
  options.signal.throwIfAborted();
  return backends;
}

/** The same server under two spellings is one. */
function key(url: string): string {
  const parsed = URL.parse(url.includes('://') ? url : `http://${url}`);
  // What is no URL may have a password in it all the same.
  if (parsed === null) return maskCredentials(url);
  const path = parsed.pathname.replace(/\/+$/, '').replace(/\/v1$/, '');
  return `${parsed.protocol}//${parsed.hostname === 'localhost' ? '127.0.0.1' : parsed.hostname}${parsed.port === '' ? '' : `:${parsed.port}`}${path}`;
}

async function connect(
  {url, apiKey}: BackendAddress,
  signal: AbortSignal,
  timeoutMs: number,
): Promise<Backend | undefined> {
  const client = new HttpClient(url, apiKey);
  try {
    const quick = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
    const [version, models] = await Promise.all([
      look(client, '/api/version', quick).catch(() => undefined),
      look(client, '/v1/models', quick),
    ]);
    // Our own gateway speaks OpenAI's API too: offering it would send requests round in a circle.
    if (version?.ours === true || models.ours) return undefined;
    const patient = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs * DETAILS_FACTOR)]);
    if (version !== undefined && isOllama(version)) return await createOllamaBackend({url, apiKey, signal: patient});
    if (models.status === 200 && !Array.isArray(pick(models.json, 'data')))
      throw broken(client.url, 'it lists no models');
    const kind = models.status === 200 ? kindOf(models.json) : undefined;
    return await createOpenAiBackend({url, apiKey, signal: patient, kind});
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof BackendError ? error : unreachable(client.url, error);
  } finally {
    client.close();
  }
}

interface Look {
  status: number;
  ours: boolean;
  server: string | undefined;
  json: unknown;
}

async function look(client: HttpClient, path: string, signal: AbortSignal): Promise<Look> {
  const response = await client.raw(path, {signal});
  const text = await readText(response, MAX_ANSWER_BYTES, signal);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    json = undefined;
  }
  const {'x-quiver': quiver, server} = response.headers;
  return {status: response.statusCode ?? 0, ours: quiver !== undefined, server: asText(server), json};
}

/** llama.cpp imitates some of Ollama's paths, but signs its answers. */
function isOllama({status, server, json}: Look): boolean {
  return status === 200 && server !== 'llama.cpp' && asText(pick(json, 'version')) !== undefined;
}
