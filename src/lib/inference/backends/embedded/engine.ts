import type {LlamaContext, LlamaContextSequence, LlamaEmbeddingContext, LlamaModel, Token} from 'node-llama-cpp';
import type {FinishReason, TokenLogprob, Usage} from '../../backend.ts';
import {createPromptRenderer, type PromptRenderer} from './prompt.ts';
import {CREDIT_TOKENS, type EngineChat, type EngineDelta, type EngineFailure, type LoadedModel} from './protocol.ts';
import {rawLogprobs} from './logprobs.ts';
import {exactDetokenize} from './exact-text.ts';
import {TextAssembler, type Detokenize} from './text-assembler.ts';

type Library = typeof import('node-llama-cpp');

/** Below this size one thread is fastest: handing work to a second one takes longer than the work. */
const ONE_THREAD_BELOW_BYTES = 100_000_000;

/** A longer context multiplies memory by the number of slots; models trained on more are served with this much. */
const MAX_CONTEXT_TOKENS = 8192;

/** How much of a long prompt is read between two looks at whether anybody still wants the answer. */
const PREFILL_TOKENS = 512;

/** The library's own sampling defaults, which suit most models. */
const SAMPLING = {topK: 40, topP: 0.95, minP: 0};
/** Plain temperature sampling, from which the model's own distribution can be computed back. */
const FULL_SAMPLING = {topK: 0, topP: 1, minP: 0};

export class EngineError extends Error {
  readonly failure: EngineFailure;
  constructor(failure: EngineFailure) {
    super(failure.reason);
    this.failure = failure;
  }
}

/** One answer in the making, steered from outside. */
export class Run {
  cancelled = false;
  #credit = CREDIT_TOKENS;
  #wake: (() => void) | undefined;

  cancel(): void {
    this.cancelled = true;
    this.#wake?.();
  }

  grant(tokens: number): void {
    this.#credit += tokens;
    this.#wake?.();
  }

  /** Waits until the consumer has room for one more token. */
  async take(): Promise<void> {
    while (this.#credit <= 0 && !this.cancelled) {
      const {promise, resolve} = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
    }
    this.#credit -= 1;
  }
}

/** A loaded model with its parallel sequences. Lives in the engine process. */
export class Engine {
  readonly info: LoadedModel;
  readonly #model: LlamaModel;
  readonly #prompts: PromptRenderer;
  readonly #detokenize: Detokenize;
  readonly #idle: LlamaContextSequence[];
  readonly #threads: number;
  #embedding: Promise<LlamaEmbeddingContext> | undefined;

  private constructor(
    model: LlamaModel,
    context: LlamaContext,
    {prompts, detokenize}: {prompts: PromptRenderer; detokenize: Detokenize},
    info: LoadedModel,
  ) {
    this.#model = model;
    this.#prompts = prompts;
    this.#detokenize = detokenize;
    this.#threads = info.threads;
    this.#idle = Array.from({length: context.totalSequences}, () => context.getSequence());
    this.info = info;
  }

  static async load(library: Library, modelPath: string, slots: number): Promise<Engine> {
    const llama = await library.getLlama({
      build: 'never',
      skipDownload: true,
      gpu: false,
      logLevel: library.LlamaLogLevel.disabled,
    });
    const model = await llama.loadModel({modelPath});
    const threads = model.size < ONE_THREAD_BELOW_BYTES ? 1 : Math.max(1, llama.cpuMathCores - 1);
    const max = Math.min(model.trainContextSize, MAX_CONTEXT_TOKENS);
    const context = await model.createContext({contextSize: {max}, sequences: slots, threads});
    const {name, file_type: fileType} = model.fileInfo.metadata.general;
    const quantisation = fileType === undefined ? undefined : library.GgufFileType[fileType];
    const prompts = createPromptRenderer(library, model);
    const detokenize = await exactDetokenize(library, model, modelPath);
    return new Engine(
      model,
      context,
      {prompts, detokenize},
      {
        ...(name !== undefined && name !== '' && {name}),
        ...(quantisation !== undefined && {quantisation: quantisation.replace(/^(MOSTLY|ALL)_/, '')}),
        contextTokens: Math.min(max, context.contextSize),
        threads,
      },
    );
  }

  /** Generates one answer, handing out deltas as they become sendable. */
  async chat(
    id: number,
    request: EngineChat,
    run: Run,
    emit: (delta: EngineDelta) => void,
  ): Promise<[FinishReason, Usage]> {
    const {tokens: prompt, endTokens, endTexts} = this.#prompts.render(request.messages);
    const room = this.info.contextTokens - prompt.length;
    if (room <= 0) {
      const {contextTokens} = this.info;
      throw new EngineError({reason: 'contextTooLong', promptTokens: prompt.length, contextTokens});
    }
    const sequence = this.#takeSequence(prompt);
    try {
      const cachedTokens = await keepCommonPrefix(sequence, prompt);
      const usage = {promptTokens: prompt.length, completionTokens: 0, cachedTokens};
      const assembler = new TextAssembler(this.#detokenize, [...request.stop, ...endTexts]);
      let delta: EngineDelta = {id, text: '', tokens: []};
      const send = (text: string, last: boolean): void => {
        delta.text += text;
        if (delta.text === '' && !(last && delta.tokens.length > 0)) return;
        emit(delta);
        delta = {id, text: '', tokens: []};
      };
      const limit = Math.min(request.maxTokens, room);
      let finish: FinishReason = limit > 0 ? 'stop' : 'length';
      const rest = await prefill(sequence, prompt.slice(cachedTokens), run);
      const steps = limit > 0 && !run.cancelled ? this.#steps(sequence, rest, request) : [];
      for await (const {token, logprob} of steps) {
        if (run.cancelled || endTokens.has(token)) break;
        usage.completionTokens += 1;
        delta.tokens.push(token);
        if (logprob !== undefined) (delta.logprobs ??= []).push(logprob);
        const {text, stopped} = assembler.push(token);
        if (stopped) {
          send(text, true);
          return ['stop', usage];
        }
        send(text, false);
        if (usage.completionTokens >= limit) {
          finish = 'length';
          break;
        }
        await run.take();
        if (run.cancelled) break;
      }
      send(assembler.flush(), true);
      return [run.cancelled ? 'cancelled' : finish, usage];
    } catch (error) {
      await sequence.clearHistory();
      throw error;
    } finally {
      this.#idle.push(sequence);
    }
  }

  /** One vector per input, one after another. */
  async embed(inputs: readonly string[], run: Run): Promise<number[][]> {
    const contextSize = {max: this.info.contextTokens};
    this.#embedding ??= this.#model.createEmbeddingContext({contextSize, threads: this.#threads});
    const context = await this.#embedding;
    const vectors: number[][] = [];
    for (const input of inputs) {
      const promptTokens = context.calculateInputLength(input);
      if (promptTokens > this.info.contextTokens) {
        throw new EngineError({reason: 'contextTooLong', promptTokens, contextTokens: this.info.contextTokens});
      }
      if (run.cancelled) break;
      vectors.push([...(await context.getEmbeddingFor(input)).vector]);
    }
    return vectors;
  }

  async *#steps(
    sequence: LlamaContextSequence,
    tokens: Token[],
    {temperature, seed, topLogprobs}: EngineChat,
  ): AsyncGenerator<{token: Token; logprob?: TokenLogprob}> {
    if (topLogprobs === 0) {
      for await (const token of sequence.evaluate(tokens, {temperature, seed, ...SAMPLING})) yield {token};
      return;
    }
    const options = {temperature, seed, ...FULL_SAMPLING};
    for await (const step of sequence.evaluateWithMetadata(tokens, {probabilities: true}, options)) {
      yield {token: step.token, logprob: rawLogprobs(step.token, step.probabilities, temperature, topLogprobs)};
    }
  }

  /** The free sequence that already holds most of this prompt. */
  #takeSequence(prompt: Token[]): LlamaContextSequence {
    const shared = (sequence: LlamaContextSequence): number =>
      sequence.compareContextTokens(prompt).firstDifferentIndex;
    const best = this.#idle.reduce<LlamaContextSequence | undefined>(
      (found, next) => (found === undefined || shared(next) > shared(found) ? next : found),
      undefined,
    );
    if (best === undefined) throw new EngineError({reason: 'failed', message: 'all slots are taken'});
    this.#idle.splice(this.#idle.indexOf(best), 1);
    return best;
  }
}

/** Drops what a sequence holds beyond the prompt; at least the last token has to be evaluated anew to predict from. */
async function keepCommonPrefix(sequence: LlamaContextSequence, prompt: Token[]): Promise<number> {
  const {firstDifferentIndex} = sequence.compareContextTokens(prompt);
  const start = Math.min(firstDifferentIndex, prompt.length - 1);
  await sequence.eraseContextTokenRanges([{start, end: sequence.nextTokenIndex}]);
  return sequence.nextTokenIndex;
}

/** Reads all but the last part of a long prompt; returns that part. */
async function prefill(sequence: LlamaContextSequence, prompt: Token[], run: Run): Promise<Token[]> {
  let done = 0;
  for (; prompt.length - done > PREFILL_TOKENS && !run.cancelled; done += PREFILL_TOKENS) {
    await sequence.evaluateWithoutGeneratingNewTokens(prompt.slice(done, done + PREFILL_TOKENS));
  }
  return prompt.slice(done);
}
