import type {Backend, BackendEvent, BackendHealth, BackendModel, Capabilities, ChatRequest} from '../backend.ts';
import {BackendError} from './errors.ts';
import {type AnswerLimits, streamAnswer} from './http/answer.ts';
import {broken, HttpClient, readText} from './http/http-client.ts';
import {ModelList} from './http/model-list.ts';
import {asList, asNumber, pick} from './json-value.ts';
import {readChatSteps} from './openai/chat-steps.ts';
import {detectServer, type OpenAiKind, type ServerFacts} from './openai/server-kinds.ts';
import {Slots} from './slots.ts';

/** Vectors are long: a batch of 64 with 4,096 numbers each is some 6 MB of JSON. */
const MAX_EMBEDDINGS_BYTES = 64 * 1024 * 1024;
const MAX_HEALTH_BYTES = 1024 * 1024;
const EMBEDDINGS_MS = 120_000;

export interface OpenAiOptions extends AnswerLimits {
  /** With or without `/v1`. */
  url: string;
  /** @default what the server looks like */
  kind?: OpenAiKind | undefined;
  /** Sent as a bearer token. */
  apiKey?: string | undefined;
  /** Requests worked on at once. @default what the server says, else what its kind can do */
  slots?: number | undefined;
  /** Ends the first look at the server. */
  signal: AbortSignal;
}

/**
 * Connects to a server that speaks OpenAI's API: llama.cpp, vLLM, LM Studio or any other.
 * Rejects with `BACKEND_UNREACHABLE`, `BACKEND_BUSY` (still loading its model) or `BACKEND_ERROR`.
 */
export async function createOpenAiBackend(options: OpenAiOptions): Promise<OpenAiBackend> {
  const client = new HttpClient(options.url, options.apiKey);
  try {
    const server = await detectServer(client, options.kind, options.signal);
    const slots = new Slots(`the back end at ${client.url}`, options.slots ?? server.slots);
    const backend = new OpenAiBackend(client, server, slots, options);
    await backend.models(options.signal);
    return backend;
  } catch (error) {
    client.close();
    throw error;
  }
}

export class OpenAiBackend implements Backend {
  readonly name: string;
  readonly kind: OpenAiKind;
  readonly #client: HttpClient;
  readonly #server: ServerFacts;
  readonly #slots: Slots;
  readonly #limits: AnswerLimits;
  readonly #models: ModelList;

  constructor(client: HttpClient, server: ServerFacts, slots: Slots, limits: AnswerLimits) {
    this.#client = client;
    this.#server = server;
    this.#slots = slots;
    this.#limits = limits;
    this.#models = new ModelList((signal) => server.models(client, signal));
    this.kind = server.kind;
    this.name = `${server.kind}@${client.host}`;
  }

  models(signal: AbortSignal): Promise<BackendModel[]> {
    return this.#models.refresh(signal);
  }

  async *chat(request: ChatRequest, signal: AbortSignal): AsyncGenerator<BackendEvent> {
    const {name: model} = await this.#models.find(request.model, signal);
    const {messages, maxTokens, temperature, seed, stop, topLogprobs = 0} = request;
    const body = {
      model,
      messages,
      max_tokens: maxTokens,
      temperature,
      ...(seed !== undefined && {seed}),
      ...(stop !== undefined && stop.length > 0 && {stop}),
      ...(topLogprobs > 0 && {logprobs: true, top_logprobs: topLogprobs}),
      ...this.#server.extraFields,
      stream: true,
      stream_options: {include_usage: true},
    };
    const {url} = this.#client;
    yield* streamAnswer(
      {
        client: this.#client,
        slots: this.#slots,
        limits: this.#limits,
        path: '/v1/chat/completions',
        body,
        countsEndToken: this.#server.countsEndToken ?? false,
        steps: (chunks, response) => readChatSteps(chunks, {url, contentType: response.headers['content-type']}),
      },
      request,
      signal,
    );
  }

  async embed(model: string, inputs: readonly string[], signal: AbortSignal): Promise<number[][]> {
    const {name} = await this.#models.find(model, signal);
    const answer = await this.#client.json('/v1/embeddings', {
      body: {model: name, input: inputs, encoding_format: 'float'},
      signal,
      timeoutMs: EMBEDDINGS_MS,
      maxBytes: MAX_EMBEDDINGS_BYTES,
    });
    const items = asList(pick(answer, 'data'));
    const vectors = inputs.map((_, index) => {
      const item = items.find((candidate) => pick(candidate, 'index') === index) ?? items[index];
      return asList(pick(item, 'embedding')).map((value) => asNumber(value) ?? 0);
    });
    if (vectors.some((vector) => vector.length === 0)) throw broken(this.#client.url, 'it sent too few embeddings');
    return vectors;
  }

  async health(signal: AbortSignal): Promise<BackendHealth> {
    try {
      const response = await this.#client.open(this.#server.healthPath, {signal});
      await readText(response, MAX_HEALTH_BYTES, signal);
      return {ok: true};
    } catch (error) {
      if (error instanceof BackendError) return {ok: false, detail: error.message};
      throw error;
    }
  }

  capabilities(): Capabilities {
    const {embeddings, logprobs} = this.#server;
    return {chat: true, embeddings, logprobs, tools: false, slots: this.#slots.size};
  }

  async close(): Promise<void> {
    this.#client.close();
  }
}
