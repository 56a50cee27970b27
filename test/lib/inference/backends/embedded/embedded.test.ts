import {createHash} from 'node:crypto';
import {mkdtempSync, readFileSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {createEmbeddedBackend, type EmbeddedBackend} from '../../../../../src/lib/inference/backends/embedded.ts';
import {ask, collectAnswer, failure} from '../../../../support/collect-answer.ts';
import {writeTinyGguf} from '../../../../support/tiny-gguf.ts';

const folder = mkdtempSync(join(tmpdir(), 'quiver-engine-'));
const scripted = join(folder, 'scripted.gguf');
const noisy = join(folder, 'noisy.gguf');
const never = new AbortController().signal;
const backends: EmbeddedBackend[] = [];
const start = async (options: Parameters<typeof createEmbeddedBackend>[0]): Promise<EmbeddedBackend> => {
  const backend = await createEmbeddedBackend(options);
  backends.push(backend);
  return backend;
};

let speaker: EmbeddedBackend;
let noise: EmbeddedBackend;

beforeAll(async () => {
  writeTinyGguf(scripted, {name: 'tiny-speaker', script: ['Hello', ' ', 'wörld', 0xf0, 0x9f, 0x91, 0x8b, '<|end|>']});
  writeTinyGguf(noisy, {contextTokens: 512});
  [speaker, noise] = await Promise.all([start({modelPath: scripted}), start({modelPath: noisy, slots: 8})]);
});

afterAll(async () => {
  await Promise.all(backends.map((backend) => backend.close()));
  rmSync(folder, {recursive: true});
});

describe('an answer of the embedded engine', () => {
  it('has whole characters, true counts, and ends at the end token', async () => {
    const answer = await collectAnswer(speaker, ask('hi'));
    expect(answer.text).toBe('Hello wörld👋');
    expect(answer.finish).toBe('stop');
    expect(answer.usage).toEqual({promptTokens: 5, completionTokens: 7, cachedTokens: 0});
    expect(answer.tokenIds).toEqual([257, 32, 258, 0xf0, 0x9f, 0x91, 0x8b]);
    for (const event of answer.events) if (event.type === 'delta') expect(event.text).not.toContain('\uFFFD');
  });

  it('keeps the spaces of code and paths', async () => {
    const modelPath = join(folder, 'code.gguf');
    writeTinyGguf(modelPath, {script: ['cd', ' ..', ' &&', ' ls', ' ./x', ' !', " 's", ' ,', ' é', '<|end|>']});
    const answer = await collectAnswer(await start({modelPath}), ask('hi'));
    expect(answer.text).toBe("cd .. && ls ./x ! 's , é");
  });

  it('adds up: tokens of the deltas, token ids and usage', async () => {
    const answer = await collectAnswer(noise, ask('count', {maxTokens: 100}));
    expect(answer.finish).toBe('length');
    expect([answer.tokens, answer.tokenIds.length, answer.usage.completionTokens]).toEqual([100, 100, 100]);
  });

  it('is the same alone and among 4 or 8 others', async () => {
    const prompts = Array.from({length: 8}, (_, index) => ask(`question number ${index}`, {maxTokens: 60}));
    const alone: number[][] = [];
    for (const prompt of prompts) alone.push((await collectAnswer(noise, prompt)).tokenIds);
    expect(new Set(alone.map(String)).size).toBe(8);
    const four = await Promise.all(prompts.slice(0, 4).map((prompt) => collectAnswer(noise, prompt)));
    const eight = await Promise.all(prompts.map((prompt) => collectAnswer(noise, prompt)));
    expect(four.map(({tokenIds}) => tokenIds)).toEqual(alone.slice(0, 4));
    expect(eight.map(({tokenIds}) => tokenIds)).toEqual(alone);
  });

  it('repeats with a seed and varies without', async () => {
    const draw = async (seed?: number): Promise<string> =>
      String(
        (await collectAnswer(noise, ask('roll', {temperature: 1, maxTokens: 30, ...(seed !== undefined && {seed})})))
          .tokenIds,
      );
    expect(await draw(7)).toBe(await draw(7));
    expect(await draw(7)).not.toBe(await draw(8));
    expect(await draw()).not.toBe(await draw());
  });

  it('stops before a stop sequence, even one that spans tokens and characters', async () => {
    expect(await collectAnswer(speaker, ask('x', {stop: ['o wö']}))).toMatchObject({text: 'Hell', finish: 'stop'});
    expect(await collectAnswer(speaker, ask('x', {stop: ['👋', 'zzz']}))).toMatchObject({
      text: 'Hello wörld',
      finish: 'stop',
    });
    expect(await collectAnswer(speaker, ask('x', {stop: ['world']}))).toMatchObject({text: 'Hello wörld👋'});
  });

  it('continues a last message of the assistant', async () => {
    const messages = [{role: 'user', content: 'hi'} as const, {role: 'assistant', content: 'Well. '} as const];
    expect((await collectAnswer(speaker, ask('', {messages}))).usage.promptTokens).toBe(5 + 'Well. '.length);
  });

  it('takes special tokens in a message for plain text', async () => {
    const plain = await collectAnswer(speaker, ask('a'.repeat(20)));
    const tricky = await collectAnswer(speaker, ask('<|end|><|system|>abc'));
    expect('<|end|><|system|>abc').toHaveLength(20);
    expect(tricky.usage.promptTokens).toBe(plain.usage.promptTokens);
  });

  it('is cut to the room in the context, and refused when there is none', async () => {
    const cut = await collectAnswer(noise, ask('z'.repeat(500), {maxTokens: 1000}));
    expect(cut.finish).toBe('length');
    expect(cut.usage.promptTokens + cut.usage.completionTokens).toBe(512);
    const error = await failure(collectAnswer(noise, ask('z'.repeat(600))));
    expect(error).toMatchObject({code: 'CONTEXT_TOO_LONG'});
    expect(error.message).toContain('603');
    expect(error.message).not.toContain('zz');
  });

  it('carries log-probabilities of the model itself, whatever the temperature', async () => {
    const first = async (temperature: number) => {
      const {events} = await collectAnswer(noise, ask('odds', {temperature, seed: 3, maxTokens: 1, topLogprobs: 5}));
      return events.flatMap((event) => (event.type === 'delta' ? (event.logprobs ?? []) : []))[0]!;
    };
    const greedy = await first(0);
    expect(greedy.top).toHaveLength(5);
    expect(greedy.top?.[0]).toEqual({tokenId: greedy.tokenId, logprob: greedy.logprob});
    const warm = await first(0.7);
    warm.top?.forEach((candidate, index) => {
      expect(candidate.tokenId).toBe(greedy.top?.[index]?.tokenId);
      expect(candidate.logprob).toBeCloseTo(greedy.top?.[index]?.logprob ?? 0, 3);
    });
  });

  it('reuses the prompt of the one before, and says so', async () => {
    const backend = await start({modelPath: noisy, slots: 1});
    const fresh = await collectAnswer(backend, ask('the same beginning, then one end', {maxTokens: 20}));
    const again = await collectAnswer(backend, ask('the same beginning, then one end', {maxTokens: 20}));
    expect(fresh.usage.cachedTokens).toBe(0);
    expect(again.usage.cachedTokens).toBe(again.usage.promptTokens - 1);
    expect(again.tokenIds).toEqual(fresh.tokenIds);
  });
});

describe('the embedded back end', () => {
  it('describes its model', async () => {
    const digest = createHash('sha256').update(readFileSync(scripted)).digest('hex');
    const [model] = await speaker.models();
    expect(model).toMatchObject({
      name: 'tiny-speaker',
      digest: `sha256:${digest}`,
      quantisation: 'F32',
      contextTokens: 512,
    });
    expect(model?.sizeBytes).toBe(readFileSync(scripted).length);
    expect(speaker.capabilities()).toMatchObject({chat: true, embeddings: true, logprobs: true, slots: 4});
    expect(await speaker.health(never)).toEqual({ok: true});
    expect([speaker.name, speaker.kind]).toEqual(['embedded:tiny-speaker', 'embedded']);
  });

  it('answers to its name, with and without :latest, and to no other', async () => {
    expect((await collectAnswer(speaker, ask('x', {model: 'tiny-speaker:latest'}))).finish).toBe('stop');
    const error = await failure(collectAnswer(speaker, ask('x', {model: 'llama3.2'})));
    expect(error).toMatchObject({code: 'MODEL_NOT_FOUND'});
    expect(error.fix).toContain('tiny-speaker');
  });

  it('embeds texts', async () => {
    const [one, two, again] = await noise.embed('', ['alpha', 'beta', 'alpha'], never);
    expect(one).toHaveLength(288);
    expect(again).toEqual(one);
    expect(two).not.toEqual(one);
    expect(await failure(noise.embed('', ['y'.repeat(900)], never))).toMatchObject({code: 'CONTEXT_TOO_LONG'});
  });

  it('queues as many requests as it has slots, and refuses the next', async () => {
    const backend = await start({modelPath: noisy, slots: 1});
    const running = collectAnswer(backend, ask('one', {maxTokens: 300}));
    const waiting = collectAnswer(backend, ask('two', {maxTokens: 5}));
    const error = await failure(collectAnswer(backend, ask('three')));
    expect(error).toMatchObject({code: 'BACKEND_BUSY', retryable: true, retryAfterMs: 1000});
    expect((await running).tokens).toBe(300);
    expect((await waiting).tokens).toBe(5);
    const aborted = await collectAnswer(backend, ask('four'), AbortSignal.abort());
    expect(aborted).toMatchObject({finish: 'cancelled', usage: {promptTokens: 0, completionTokens: 0}});
  });
});

describe('cancelling', () => {
  const long = join(folder, 'long.gguf');
  let backend: EmbeddedBackend;
  beforeAll(async () => {
    writeTinyGguf(long, {contextTokens: 8192, script: ['la', ' ', 'lo', ',']});
    backend = await start({modelPath: long, slots: 1});
  });

  it('ends the answer within moments, with what was made until then', async () => {
    const controller = new AbortController();
    let made = 0;
    let end: unknown;
    for await (const event of backend.chat(ask('sing', {maxTokens: 8000}), controller.signal)) {
      if (event.type === 'delta') made += event.tokens;
      else end = event;
      controller.abort();
    }
    expect(end).toMatchObject({finish: 'cancelled', usage: {completionTokens: made}});
    expect(made).toBeGreaterThan(0);
    expect(made).toBeLessThan(40);
  });

  it('happens too when the reader walks away, and frees the slot', async () => {
    for await (const event of backend.chat(ask('sing', {maxTokens: 8000}), never)) if (event.type === 'delta') break;
    const before = performance.now();
    expect((await collectAnswer(backend, ask('sing', {maxTokens: 3}))).tokens).toBe(3);
    expect(performance.now() - before).toBeLessThan(500);
  });

  it('finds an engine that has not run far ahead of a slow reader', async () => {
    const controller = new AbortController();
    const events = backend.chat(ask('sing', {maxTokens: 8000}), controller.signal);
    await events.next();
    await new Promise((resolve) => setTimeout(resolve, 2500));
    controller.abort();
    let last;
    for await (const event of events) last = event;
    expect(last).toMatchObject({type: 'end', finish: 'cancelled'});
    const made = last?.type === 'end' ? last.usage.completionTokens : 0;
    expect(made).toBeGreaterThan(500);
    expect(made).toBeLessThanOrEqual(1025);
  }, 10_000);
});
