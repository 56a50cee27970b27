import {createHash} from 'node:crypto';
import {once} from 'node:events';
import {setTimeout as sleep} from 'node:timers/promises';

import type {
  Backend,
  BackendEvent,
  BackendHealth,
  BackendModel,
  Capabilities,
  ChatRequest,
} from '../../src/lib/inference/backend.ts';

export interface Script {
  model?: string;
  slots?: number;
  /** Pieces of the answer, one token each. @default ten words */
  tokens?: (request: ChatRequest) => Iterable<string>;
  beforeFirstMs?: number;
  /** Answers begin once this has resolved. */
  gate?: Promise<void>;
  betweenMs?: number;
  /** Throws this instead of answering. */
  fails?: () => Error | undefined;
}

/** An engine whose every token is known beforehand: for what a real one does too seldom. */
export class ScriptedBackend implements Backend {
  readonly name = 'scripted';
  readonly kind = 'scripted';
  readonly requests: ChatRequest[] = [];
  /** Tokens handed out so far, over all requests. */
  made = 0;
  running = 0;
  script: Script;

  constructor(script: Script = {}) {
    this.script = script;
  }

  async models(): Promise<BackendModel[]> {
    const name = this.script.model ?? 'parrot:latest';
    const digest = `sha256:${createHash('sha256').update(name).digest('hex')}`;
    return [{name, digest, quantisation: 'Q8_0', contextTokens: 4_096}];
  }

  async *chat(request: ChatRequest, signal: AbortSignal): AsyncGenerator<BackendEvent> {
    const probe = request.maxTokens === 1;
    const fault = probe ? undefined : this.script.fails?.();
    if (fault !== undefined) throw fault;
    if (!probe) this.requests.push(request);
    this.running += 1;
    let completionTokens = 0;
    const {beforeFirstMs = 0, betweenMs = 0, gate, tokens = tenWords} = this.script;
    const promptTokens = request.messages.reduce((sum, {content}) => sum + content.split(' ').length, 0);
    try {
      if (!probe && gate !== undefined) await Promise.race([gate, once(signal, 'abort')]);
      if (beforeFirstMs > 0 && !probe) await pause(beforeFirstMs, signal);
      for (const text of tokens(request)) {
        if (signal.aborted || completionTokens >= request.maxTokens) break;
        completionTokens += 1;
        this.made += 1;
        yield {type: 'delta', text, tokens: 1};
        if (betweenMs > 0 && !probe) await pause(betweenMs, signal);
      }
      const usage = {promptTokens, completionTokens, cachedTokens: 0};
      const cut = completionTokens >= request.maxTokens;
      yield {type: 'end', finish: signal.aborted ? 'cancelled' : cut ? 'length' : 'stop', usage};
    } finally {
      this.running -= 1;
    }
  }

  async embed(): Promise<number[][]> {
    return [];
  }

  async health(): Promise<BackendHealth> {
    return {ok: true};
  }

  capabilities(): Capabilities {
    return {chat: true, embeddings: false, logprobs: false, tools: false, slots: this.script.slots ?? 4};
  }

  async close(): Promise<void> {}
}

function* tenWords(): Generator<string> {
  for (let count = 1; count <= 10; count += 1) yield `word${count} `;
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, {signal}).catch(() => undefined);
}
