import type {ReceiptJson} from '../../records/receipt-json.ts';
import type {ChatMessage, FinishReason} from '../backend.ts';
import type {Deadlines} from '../wire/client-session.ts';

/** One question to the network. */
export interface InferRequest {
  /** Name (`:latest` may be left out) or digest. @default any chat model on offer */
  model?: string;
  messages: readonly ChatMessage[];
  /** @default 1024 */
  maxTokens?: number;
  /** 0 is greedy and can be checked by asking again. @default 0 */
  temperature?: number;
  seed?: number;
  stop?: readonly string[];
  /** Most that the whole answer may cost, in base units of QUIV. */
  maxPrice?: bigint;
  /** Asks so many providers at once; the first token wins, the others are cancelled. */
  race?: number;
  /** Asks every provider that can; the first whole answer with a valid receipt wins. */
  broadcast?: boolean;
  /** Adds `trace` events that say who was considered and what happened. */
  trace?: boolean;
  /** Each in ms; the defaults are in limits.ts. */
  deadlines?: Partial<Deadlines>;
}

/** What happens on the way to an answer, in this order: chosen (again after a retry), token…, receipt, end. */
export type InferEvent =
  | {
      event: 'chosen';
      /** Peer id. */
      provider: string;
      model: string;
      digest?: string;
      quantisation?: string;
      /** Base units per 1,000 tokens. */
      priceIn: bigint;
      priceOut: bigint;
      /** From 1. */
      attempt: number;
    }
  | {event: 'trace'; message: string; provider?: string; atMs: number}
  | {event: 'token'; text: string; tokens: number}
  | {event: 'receipt'; receipt: ReceiptJson}
  | {
      event: 'end';
      finish: FinishReason;
      provider: string;
      model: string;
      tokensIn: number;
      tokensOut: number;
      /** From asking, the search for a provider included. */
      firstTokenMs: number;
      totalMs: number;
      /** Between the first token and the last. */
      tokensPerSecond: number;
      /** Base units. */
      cost: bigint;
      /** Digest of the receipt. */
      receipt: string;
    };

/** One model on the network, as `quiver models` shows it. */
export interface ModelSummary {
  name: string;
  digest?: string;
  quantisation?: string;
  contextTokens: number;
  /** The lowest of all providers, base units per 1,000 tokens. */
  priceIn: bigint;
  priceOut: bigint;
  /** Peer ids. */
  providers: string[];
  active: number;
  slots: number;
}
