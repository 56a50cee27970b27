import type {ChatMessage, FinishReason, TokenLogprob, Usage} from '../../backend.ts';

/** What crosses between the node and its engine process: small JSON messages over Node's IPC channel. */
export type ToEngine =
  | {type: 'load'; modelPath: string; slots: number}
  | ({type: 'chat'; id: number} & EngineChat)
  | {type: 'embed'; id: number; inputs: readonly string[]}
  /** Answered by `pong` at once, unless the engine hangs. */
  | {type: 'ping'; id: number}
  /** The consumer has taken that many tokens; the engine may run that much further ahead. */
  | {type: 'credit'; id: number; tokens: number}
  | {type: 'cancel'; id: number};

export interface EngineChat {
  messages: readonly ChatMessage[];
  maxTokens: number;
  temperature: number;
  seed: number;
  stop: readonly string[];
  topLogprobs: number;
}

/** Some tokens of one answer. `logprobs`, where asked for, has one entry per token. */
export interface EngineDelta {
  id: number;
  text: string;
  tokens: number[];
  logprobs?: TokenLogprob[];
}

export interface LoadedModel {
  /** `general.name` of the file's metadata, where it has one. */
  name?: string;
  quantisation?: string;
  contextTokens: number;
  threads: number;
}

export type EngineFailure =
  | {reason: 'contextTooLong'; promptTokens: number; contextTokens: number}
  | {reason: 'failed'; message: string};

export type FromEngine =
  | {type: 'loaded'; model: LoadedModel}
  /** `noBinary`: there is no engine for this machine at all. */
  | {type: 'notLoaded'; message: string; noBinary: boolean}
  | {type: 'deltas'; deltas: EngineDelta[]}
  | {type: 'end'; id: number; finish: FinishReason; usage: Usage}
  | {type: 'vectors'; id: number; vectors: number[][]}
  | {type: 'failed'; id: number; failure: EngineFailure}
  | {type: 'pong'; id: number};

/** How far one answer may run ahead of its consumer: half a second of a fast tiny model, a few KB of text. */
export const CREDIT_TOKENS = 1024;
