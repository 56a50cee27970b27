import {PRICE_UNIT_TOKENS} from '../../records/receipt.ts';
import {FIRST_TOKEN_TIMEOUT_MS, TOKEN_GAP_TIMEOUT_MS, TOTAL_TIMEOUT_MS} from '../limits.ts';
import type {Wish} from '../market/finder.ts';
import {promptBytes} from '../wire/frames.ts';
import type {Question} from './attempt.ts';
import type {InferRequest} from './infer-types.ts';

const DEFAULT_MAX_TOKENS = 1_024;
/** Providers that see one prompt at most. */
export const MAX_AT_ONCE = 16;

/** A request with every default filled in: what providers are asked, and what is asked of the market before. */
export interface Plan {
  question: Question;
  wish: Wish;
  /** Providers asked at once. */
  count: number;
  /** The first whole answer wins, not the first token. */
  whole: boolean;
}

export function planOf(request: InferRequest): Plan {
  const {maxTokens = DEFAULT_MAX_TOKENS, temperature = 0, model = '', maxPrice, race = 1, broadcast = false} = request;
  const question: Question = {
    messages: request.messages,
    maxTokens,
    temperature,
    ...(request.seed === undefined ? {} : {seed: request.seed}),
    ...(request.stop === undefined ? {} : {stop: request.stop}),
    maxCost: maxPrice,
    deadlines: {
      firstTokenMs: FIRST_TOKEN_TIMEOUT_MS,
      tokenGapMs: TOKEN_GAP_TIMEOUT_MS,
      totalMs: TOTAL_TIMEOUT_MS,
      ...request.deadlines,
    },
    spentMs: 0,
  };
  const wish: Wish = {
    model,
    maxTokens,
    promptBytes: promptBytes(question),
    ...(maxPrice !== undefined && {maxPriceOut: (maxPrice * PRICE_UNIT_TOKENS) / BigInt(maxTokens)}),
  };
  return {question, wish, count: broadcast ? MAX_AT_ONCE : race, whole: broadcast};
}
