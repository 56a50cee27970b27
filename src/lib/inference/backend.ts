export type Role = 'system' | 'user' | 'assistant' | 'tool';

export interface ChatMessage {
  role: Role;
  content: string;
}

export interface ChatRequest {
  /** Name as the back end knows it. */
  model: string;
  messages: readonly ChatMessage[];
  maxTokens: number;
  /** 0 is greedy. */
  temperature: number;
  /** Same seed, same request, same engine: same answer. Without one, a temperature above 0 draws a fresh one. */
  seed?: number;
  stop?: readonly string[];
  /** Top log-probs per token, 0 or absent for none. */
  topLogprobs?: number;
}

export type FinishReason = 'stop' | 'length' | 'cancelled' | 'error';

export interface Usage {
  promptTokens: number;
  completionTokens: number;
  /** Prompt tokens served from a cache. */
  cachedTokens: number;
}

/** One candidate for the next token. A back end names it by id, by text, or by both; only ids can be verified. */
export interface TokenCandidate {
  tokenId?: number;
  text?: string;
  /** Natural logarithm of its probability in the model's own distribution, before temperature and truncation. */
  logprob: number;
}

export interface TokenLogprob extends TokenCandidate {
  top?: readonly TokenCandidate[];
}

/**
 * `tokens` of a delta is how many tokens came since the one before, so that over all deltas they add up to
 * `usage.completionTokens` of the end. `text` may be empty (tokens that carry no text) and never ends inside a character.
 */
export type BackendEvent =
  | {type: 'delta'; text: string; tokens: number; tokenIds?: readonly number[]; logprobs?: readonly TokenLogprob[]}
  | {type: 'toolCall'; id: string; name: string; arguments: string}
  | {type: 'end'; finish: FinishReason; usage: Usage};

export interface BackendModel {
  name: string;
  /** `sha256:<hex>` of the file, else `ollama:<manifest digest>`, else absent: then neither failover nor verification. */
  digest?: string;
  /** e.g. `Q8_0`, `F16`; absent when the back end does not say. */
  quantisation?: string;
  contextTokens: number;
  /** Bytes of the model file, where known. */
  sizeBytes?: number;
}

export interface Capabilities {
  chat: boolean;
  embeddings: boolean;
  logprobs: boolean;
  tools: boolean;
  /** Requests it can work on at once. */
  slots: number;
}

export interface BackendHealth {
  ok: boolean;
  detail?: string;
}

/** One engine that turns messages into tokens. A new engine is one file that implements this. */
export interface Backend {
  /** Unique in its provider, e.g. `embedded:quiver-tiny`, `ollama@127.0.0.1:11434`. */
  readonly name: string;
  readonly kind: 'embedded' | 'ollama' | 'llama.cpp' | 'vllm' | 'lm-studio' | 'openai' | (string & {});
  models(signal: AbortSignal): Promise<BackendModel[]>;
  /**
   * Ends with exactly one `end` event, or throws a `BackendError`. An abort stops it within one token; what has been
   * made by then still comes, and the end says `cancelled` with its usage. A consumer that stops iterating cancels too.
   * `maxTokens` is cut to what the context has room for. A last message of the assistant is continued.
   */
  chat(request: ChatRequest, signal: AbortSignal): AsyncIterable<BackendEvent>;
  /** One vector per input. */
  embed(model: string, inputs: readonly string[], signal: AbortSignal): Promise<number[][]>;
  health(signal: AbortSignal): Promise<BackendHealth>;
  capabilities(): Capabilities;
  close(): Promise<void>;
}
