import {basename, isAbsolute} from 'node:path';
import type {BackendModel} from '../../backend.ts';
import {fileDigest} from '../embedded/file-digest.ts';
import {checkModelFile} from '../embedded/model-file.ts';
import type {HttpClient} from '../http/http-client.ts';
import {asCount, asList, asText, asTokens, pick} from '../json-value.ts';

export type OpenAiKind = 'llama.cpp' | 'vllm' | 'lm-studio' | 'openai';

/** What is offered of a model whose server does not say how much it holds. */
const UNKNOWN_CONTEXT_TOKENS = 4096;

/** What differs between the servers that speak the same API. */
export interface ServerFacts {
  kind: OpenAiKind;
  healthPath: string;
  /** Requests that are worth sending at once. */
  slots: number;
  embeddings: boolean;
  /** It returns log-probabilities together with token ids, which is what verification needs. */
  logprobs: boolean;
  /** It counts the token that ends an answer, which carries no text, among the tokens of the answer. */
  countsEndToken?: boolean;
  /** Fields of its own in a chat request. */
  extraFields?: Readonly<Record<string, unknown>>;
  models(client: HttpClient, signal: AbortSignal): Promise<BackendModel[]>;
}

const GENERIC: ServerFacts = {
  kind: 'openai',
  healthPath: '/v1/models',
  slots: 4,
  embeddings: true,
  logprobs: false,
  models: plainModels,
};

/** Slots: batching servers hold many requests, the others work on them one by one unless told otherwise. */
const SERVERS: readonly ServerFacts[] = [
  {
    kind: 'llama.cpp',
    healthPath: '/health',
    slots: 1,
    embeddings: false,
    logprobs: true,
    countsEndToken: true,
    models: llamaCppModels,
  },
  {
    kind: 'vllm',
    healthPath: '/health',
    slots: 32,
    embeddings: false,
    logprobs: true,
    extraFields: {return_token_ids: true},
    models: plainModels,
  },
  {kind: 'lm-studio', healthPath: '/v1/models', slots: 1, embeddings: true, logprobs: false, models: lmStudioModels},
  GENERIC,
];

/** Looks at a server and says what it is. Rejects when it does not answer like one. */
export async function detectServer(
  client: HttpClient,
  kind: OpenAiKind | undefined,
  signal: AbortSignal,
): Promise<ServerFacts> {
  const found = kind ?? kindOf(await client.json('/v1/models', {signal}));
  const facts = SERVERS.find((server) => server.kind === found) ?? GENERIC;
  if (facts.kind !== 'llama.cpp') return facts;
  const slots = asCount(pick(await client.json('/props', {signal}).catch(() => undefined), 'total_slots'));
  return slots === undefined || slots === 0 ? facts : {...facts, slots};
}

/** Every server signs its model list in its own way. */
export function kindOf(models: unknown): OpenAiKind {
  const owner = asText(pick(models, 'data', 0, 'owned_by'));
  if (owner === 'llamacpp') return 'llama.cpp';
  if (owner === 'vllm') return 'vllm';
  return owner === 'organization_owner' ? 'lm-studio' : 'openai';
}

async function plainModels(client: HttpClient, signal: AbortSignal): Promise<BackendModel[]> {
  const answer = await client.json('/v1/models', {signal});
  return asList(pick(answer, 'data')).flatMap((entry) => {
    const name = asText(pick(entry, 'id'));
    if (name === undefined || name === '') return [];
    const context = ['max_model_len', 'context_length', 'max_context_length', 'context_window']
      .map((key) => asTokens(pick(entry, key)))
      .find((value) => value !== undefined && value > 0);
    return [{name, contextTokens: context ?? UNKNOWN_CONTEXT_TOKENS}];
  });
}

/** llama.cpp serves one model; `/props` says which file it is and how much context a slot has. */
async function llamaCppModels(client: HttpClient, signal: AbortSignal): Promise<BackendModel[]> {
  const [models, props] = await Promise.all([plainModels(client, signal), client.json('/props', {signal})]);
  const contextTokens = asTokens(pick(props, 'default_generation_settings', 'n_ctx')) ?? UNKNOWN_CONTEXT_TOKENS;
  const quantisation = asText(pick(props, 'model_ftype'))?.split(' ')[0];
  const file = isLoopback(client.host) ? await localFile(asText(pick(props, 'model_path'))) : {};
  return models.map(({name}) => ({
    // Without an alias it is called by its path, which is nobody else's business; the server takes any name.
    name: isAbsolute(name) ? basename(name, '.gguf') : name,
    contextTokens,
    ...(quantisation !== undefined && quantisation !== '' && {quantisation}),
    ...file,
  }));
}

/** A server on this machine has its model file on this machine, as a rule; then the file can be named by its digest. */
async function localFile(path: string | undefined): Promise<{digest?: string; sizeBytes?: number}> {
  if (path === undefined || !isAbsolute(path)) return {};
  try {
    const sizeBytes = await checkModelFile(path);
    return {digest: await fileDigest(path), sizeBytes};
  } catch {
    return {};
  }
}

function isLoopback(host: string): boolean {
  return /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/.test(host);
}

/** LM Studio's own list (`/api/v1/models`, since 0.4) knows context, quantisation and what can chat; older ones don't have it. */
async function lmStudioModels(client: HttpClient, signal: AbortSignal): Promise<BackendModel[]> {
  const [models, details] = await Promise.all([
    plainModels(client, signal),
    client.json('/api/v1/models', {signal}).catch(() => undefined),
  ]);
  const entries = asList(pick(details, 'models'));
  return models.flatMap((model) => {
    const entry = entries.find((candidate) => pick(candidate, 'key') === model.name);
    if (entry === undefined) return [model];
    if (pick(entry, 'type') === 'embedding') return [];
    const loaded = asTokens(pick(entry, 'loaded_instances', 0, 'config', 'context_length'));
    const contextTokens = loaded ?? asTokens(pick(entry, 'max_context_length')) ?? model.contextTokens;
    const quantisation = asText(pick(entry, 'quantization', 'name'));
    const sizeBytes = asCount(pick(entry, 'size_bytes'));
    return [
      {
        ...model,
        contextTokens,
        ...(quantisation !== undefined && {quantisation}),
        ...(sizeBytes !== undefined && {sizeBytes}),
      },
    ];
  });
}
