import type {Backend, BackendEvent, ChatRequest, FinishReason, Usage} from '../../src/lib/inference/backend.ts';

export interface CollectedAnswer {
  text: string;
  tokenIds: number[];
  /** Sum over the deltas. */
  tokens: number;
  finish: FinishReason;
  usage: Usage;
  events: BackendEvent[];
}

export const ask = (content: string, more: Partial<ChatRequest> = {}): ChatRequest => ({
  model: '',
  messages: [{role: 'user', content}],
  maxTokens: 64,
  temperature: 0,
  ...more,
});

/** Reads an answer to its end; fails unless exactly one end comes, and last. */
export async function collectAnswer(
  backend: Backend,
  request: ChatRequest,
  signal: AbortSignal = new AbortController().signal,
): Promise<CollectedAnswer> {
  const events = await Array.fromAsync(backend.chat(request, signal));
  const deltas = events.filter((event) => event.type === 'delta');
  const end = events.at(-1);
  if (end?.type !== 'end' || events.filter((event) => event.type === 'end').length !== 1) {
    throw new Error('an answer must have one end, and that last');
  }
  return {
    text: deltas.map((delta) => delta.text).join(''),
    tokenIds: deltas.flatMap((delta) => delta.tokenIds ?? []),
    tokens: deltas.reduce((sum, delta) => sum + delta.tokens, 0),
    finish: end.finish,
    usage: end.usage,
    events,
  };
}

/** The code of the error that a promise rejects with. */
export async function failure(promise: Promise<unknown>): Promise<{code: string; message: string; fix: string}> {
  try {
    await promise;
  } catch (error) {
    return error as {code: string; message: string; fix: string};
  }
  throw new Error('nothing failed');
}
