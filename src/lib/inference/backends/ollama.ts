import type {Backend, BackendEvent, BackendHealth, BackendModel, Capabilities, ChatRequest} from '../backend.ts';
import {BackendError} from './errors.ts';
import {type AnswerLimits, streamAnswer} from './http/answer.ts';
import {broken, HttpClient} from './http/http-client.ts';
import {ModelList} from './http/model-list.ts';
import {asList, asNumber, pick} from './json-value.ts';
import {readOllamaSteps} from './ollama/chat-steps.ts';
import {OllamaModels} from './ollama/models.ts';
import {Slots} from './slots.ts';

/** Ollama works on one request per model unless OLLAMA_NUM_PARALLEL says otherwise, and does not tell. */
const DEFAULT_SLOTS = 1;
const MAX_EMBEDDINGS_BYTES = 64 * 1024 * 1024;
const EMBEDDINGS_MS = 120_000;

export interface OllamaOptions extends AnswerLimits {
  url: string;
  /** For servers behind a proxy that wants one; sent as a bearer token. */
  apiKey?: string | undefined;
  /** Requests worked on at once: the server's OLLAMA_NUM_PARALLEL. @default 1 */
  slots?: number | undefined;
  /** Ends the first look at the server. */
  signal: AbortSignal;
}

/** Connects to an Ollama server by its native API. Rejects with `BACKEND_UNREACHABLE` or `BACKEND_ERROR`. */
export async function createOllamaBackend(options: OllamaOptions): Promise<OllamaBackend> {
  const client = new HttpClient(options.url, options.apiKey);
  try {
    const backend = new OllamaBackend(client, options);
    await backend.models(options.signal);
    return backend;
  } catch (error) {
    client.close();
    throw error;
  }
}

export class OllamaBackend implements Backend {
  readonly name: string;
  readonly kind = 'ollama';
  readonly #client: HttpClient;
  readonly #limits: AnswerLimits;
  readonly #slots: Slots;
  readonly #models: ModelList;

  constructor(client: HttpClient, options: AnswerLimits & {slots?: number | undefined}) {
    this.#client = client;
    this.#limits = options;
    this.#slots = new Slots(`Ollama at ${client.url}`, options.slots ?? DEFAULT_SLOTS);
    const models = new OllamaModels(client);
    this.#models = new ModelList((signal) => models.list(signal));
    this.name = `ollama@${client.host}`;
  }

  models(signal: AbortSignal): Promise<BackendModel[]> {
    return this.#models.refresh(signal);
  }

  async *chat(request: ChatRequest, signal: AbortSignal): AsyncGenerator<BackendEvent> {
    const {name: model, contextTokens} = await this.#models.find(request.model, signal);
    const {messages, maxTokens, temperature, seed, stop, topLogprobs = 0} = request;
    const body = {
      model,
      messages,
      stream: true,
      // Too long a prompt shall fail instead of losing its beginning.
      truncate: false,
      shift: false,
      ...(topLogprobs > 0 && {logprobs: true, top_logprobs: topLogprobs}),
      options: {
        num_predict: maxTokens,
        num_ctx: contextTokens,
        temperature,
        ...(seed !== undefined && {seed}),
        ...(stop !== undefined && stop.length > 0 && {stop}),
      },
    };
    const {url} = this.#client;
    yield* streamAnswer(
      {
        client: this.#client,
        slots: this.#slots,
        limits: this.#limits,
        path: '/api/chat',
        body,
        steps: (chunks) => readOllamaSteps(chunks, url),
      },
      request,
      signal,
    );
  }

  async embed(model: string, inputs: readonly string[], signal: AbortSignal): Promise<number[][]> {
    const {name} = await this.#models.find(model, signal);
    const answer = await this.#client.json('/api/embed', {
      body: {model: name, input: inputs, truncate: false},
      signal,
      timeoutMs: EMBEDDINGS_MS,
      maxBytes: MAX_EMBEDDINGS_BYTES,
    });
    const vectors = asList(pick(answer, 'embeddings')).map((vector) =>
      asList(vector).map((value) => asNumber(value) ?? 0),
    );
    if (vectors.length !== inputs.length) throw broken(this.#client.url, 'it sent too few embeddings');
    return vectors;
  }

  async health(signal: AbortSignal): Promise<BackendHealth> {
    try {
      await this.#client.json('/api/version', {signal});
      return {ok: true};
    } catch (error) {
      if (error instanceof BackendError) return {ok: false, detail: error.message};
      throw error;
    }
  }

  capabilities(): Capabilities {
    // It names log-probabilities by text only, which can't be verified.
    return {chat: true, embeddings: true, logprobs: false, tools: false, slots: this.#slots.size};
  }

  async close(): Promise<void> {
    this.#client.close();
  }
}
