import {randomInt} from 'node:crypto';
import {basename, resolve} from 'node:path';
import type {Logger} from '../../observability/logger.ts';
import type {Backend, BackendEvent, BackendHealth, BackendModel, Capabilities, ChatRequest} from '../backend.ts';
import {EngineHost, type Reply} from './embedded/engine-host.ts';
import {fileDigest} from './embedded/file-digest.ts';
import {checkModelFile} from './embedded/model-file.ts';
import {CREDIT_TOKENS, type EngineFailure, type LoadedModel} from './embedded/protocol.ts';
import {BackendError, contextTooLong, modelNotFound} from './errors.ts';
import {CANCELLED_BEFORE_START} from './http/answer.ts';
import {matchModel} from './match-model.ts';
import {Slots} from './slots.ts';

/** Parallel sequences: more raise throughput little on a CPU and divide the memory for context. */
const DEFAULT_SLOTS = 4;

/** What OpenAI allows too. */
const MAX_TOP_LOGPROBS = 20;

/** A seed is an unsigned 32-bit number. */
const SEEDS = 2 ** 32;

export interface EmbeddedOptions {
  /** Any GGUF file. */
  modelPath: string;
  /** @default the name in the file's metadata, else its file name */
  modelName?: string | undefined;
  /** Requests worked on at once. @default 4 */
  slots?: number | undefined;
  log?: Logger | undefined;
}

/**
 * Starts the embedded engine (llama.cpp on the CPU) in a process of its own and loads a model file.
 * Rejects with `MODEL_FILE_MISSING` or `MODEL_FILE_INVALID`.
 */
export async function createEmbeddedBackend(options: EmbeddedOptions): Promise<EmbeddedBackend> {
  const modelPath = resolve(options.modelPath);
  const sizeBytes = await checkModelFile(modelPath);
  const slots = options.slots ?? DEFAULT_SLOTS;
  const host = new EngineHost({modelPath, slots, log: options.log});
  const loaded = await host.whenReady().catch(async (error: unknown) => {
    await host.close();
    throw error;
  });
  const name = options.modelName ?? loaded.name ?? basename(modelPath, '.gguf');
  return new EmbeddedBackend(host, new Slots('the embedded engine', slots), {modelPath, name, sizeBytes, loaded});
}

interface EmbeddedModel {
  modelPath: string;
  name: string;
  sizeBytes: number;
  loaded: LoadedModel;
}

export class EmbeddedBackend implements Backend {
  readonly name: string;
  readonly kind = 'embedded';
  readonly #host: EngineHost;
  readonly #slots: Slots;
  readonly #model: EmbeddedModel;

  constructor(host: EngineHost, slots: Slots, model: EmbeddedModel) {
    this.#host = host;
    this.#slots = slots;
    this.#model = model;
    this.name = `embedded:${model.name}`;
  }

  /** Process id of the engine, while it runs. */
  get pid(): number | undefined {
    return this.#host.pid;
  }

  async models(): Promise<BackendModel[]> {
    const {modelPath, name, sizeBytes, loaded} = this.#model;
    const {quantisation, contextTokens} = loaded;
    const digest = await fileDigest(modelPath);
    return [{name, digest, ...(quantisation !== undefined && {quantisation}), contextTokens, sizeBytes}];
  }

  async *chat(request: ChatRequest, signal: AbortSignal): AsyncGenerator<BackendEvent> {
    this.#check(request.model);
    const release = await this.#place(signal);
    if (release === undefined) {
      yield CANCELLED_BEFORE_START;
      return;
    }
    const {messages, maxTokens, temperature, seed = randomInt(SEEDS), stop = [], topLogprobs = 0} = request;
    const top = Math.min(topLogprobs, MAX_TOP_LOGPROBS);
    const {id, replies} = this.#host.call({
      type: 'chat',
      messages,
      maxTokens,
      temperature,
      seed: seed >>> 0,
      stop,
      topLogprobs: top,
    });
    const cancel = (): void => this.#host.post({type: 'cancel', id});
    signal.addEventListener('abort', cancel, {once: true});
    let ended = false;
    let unpaid = 0;
    try {
      for (;;) {
        const reply = await replies.next().catch((error: unknown) => {
          ended = true;
          throw error;
        });
        if (reply.type === 'deltas') {
          const {text, tokens, logprobs} = reply.delta;
          yield {
            type: 'delta',
            text,
            tokens: tokens.length,
            tokenIds: tokens,
            ...(logprobs !== undefined && {logprobs}),
          };
          unpaid += tokens.length;
          if (unpaid < CREDIT_TOKENS / 4) continue;
          this.#host.post({type: 'credit', id, tokens: unpaid});
          unpaid = 0;
          continue;
        }
        ended = true;
        if (reply.type !== 'end') throw failureOf(reply);
        yield {type: 'end', finish: reply.finish, usage: reply.usage};
        return;
      }
    } finally {
      signal.removeEventListener('abort', cancel);
      if (ended) {
        release();
      } else {
        cancel();
        void drain(() => replies.next()).finally(release);
      }
    }
  }

  async embed(model: string, inputs: readonly string[], signal: AbortSignal): Promise<number[][]> {
    this.#check(model);
    const release = await this.#place(signal);
    signal.throwIfAborted();
    const {id, replies} = this.#host.call({type: 'embed', inputs});
    const cancel = (): void => this.#host.post({type: 'cancel', id});
    signal.addEventListener('abort', cancel, {once: true});
    try {
      const reply = await replies.next();
      signal.throwIfAborted();
      if (reply.type !== 'vectors') throw failureOf(reply);
      return reply.vectors;
    } finally {
      signal.removeEventListener('abort', cancel);
      release?.();
    }
  }

  async health(signal: AbortSignal): Promise<BackendHealth> {
    if (this.#host.trouble === undefined && (await this.#host.ping(signal))) return {ok: true};
    return {ok: false, detail: this.#host.trouble ?? 'the engine does not respond'};
  }

  capabilities(): Capabilities {
    return {chat: true, embeddings: true, logprobs: true, tools: false, slots: this.#slots.size};
  }

  close(): Promise<void> {
    return this.#host.close();
  }

  /** A slot of an engine that is ready to work, or undefined if the signal came first. */
  async #place(signal: AbortSignal): Promise<(() => void) | undefined> {
    const release = await this.#slots.take(signal);
    if (release === undefined) return undefined;
    const aborted = Promise.withResolvers<void>();
    const abort = (): void => aborted.resolve();
    signal.addEventListener('abort', abort, {once: true});
    try {
      await Promise.race([this.#host.whenReady(), aborted.promise]);
    } catch (error) {
      release();
      throw error;
    } finally {
      signal.removeEventListener('abort', abort);
    }
    if (!signal.aborted) return release;
    release();
    return undefined;
  }

  #check(model: string): void {
    if (matchModel(model, [this.#model]) === undefined) throw modelNotFound(model, [this.#model.name]);
  }
}

function failureOf(reply: Reply): BackendError {
  const failure: EngineFailure =
    reply.type === 'failed' ? reply.failure : {reason: 'failed', message: `unexpected ${reply.type}`};
  if (failure.reason === 'contextTooLong') return contextTooLong(failure.promptTokens, failure.contextTokens);
  return new BackendError({
    code: 'BACKEND_ERROR',
    message: `the embedded engine failed: ${failure.message}`,
    fix: 'Try again; if it happens every time, the model file does not suit this request.',
  });
}

/** Reads on until the engine has let go of an answer that nobody wants any more. */
async function drain(next: () => Promise<Reply>): Promise<void> {
  try {
    while ((await next()).type === 'deltas');
  } catch {
    // The engine is gone: it has let go too.
  }
}
