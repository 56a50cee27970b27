import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, afterEach, beforeAll, describe, expect, it} from 'vitest';
import {createEmbeddedBackend, type EmbeddedBackend} from '../../../../src/lib/inference/backends/embedded.ts';
import {
  createOllamaBackend,
  type OllamaBackend,
  type OllamaOptions,
} from '../../../../src/lib/inference/backends/ollama.ts';
import type {BackendServer} from '../../../support/backend-server.ts';
import {ask, collectAnswer, failure} from '../../../support/collect-answer.ts';
import type {Fault} from '../../../support/http-faults.ts';
import {startOllamaServer} from '../../../support/ollama-server.ts';
import {writeTinyGguf} from '../../../support/tiny-gguf.ts';

const folder = mkdtempSync(join(tmpdir(), 'quiver-ollama-'));
const modelPath = join(folder, 'model.gguf');
const never = new AbortController().signal;
const TEXT = 'Hello wörld👋';
let engine: EmbeddedBackend;
let cleanups: (() => Promise<void>)[] = [];

beforeAll(async () => {
  writeTinyGguf(modelPath, {name: 'tiny', script: ['Hello', ' ', 'wörld', 0xf0, 0x9f, 0x91, 0x8b, '<|end|>']});
  engine = await createEmbeddedBackend({modelPath});
});
afterEach(async () => {
  await Promise.all(cleanups.map((cleanup) => cleanup()));
  cleanups = [];
});
afterAll(async () => {
  await engine.close();
  rmSync(folder, {recursive: true});
});

async function pair(options: Partial<OllamaOptions> = {}): Promise<{server: BackendServer; backend: OllamaBackend}> {
  const server = await startOllamaServer(engine);
  const backend = await createOllamaBackend({url: server.url, signal: never, ...options});
  cleanups.push(
    () => backend.close(),
    () => server.close(),
  );
  return {server, backend};
}

describe('an Ollama server', () => {
  it('offers its own chat models with digest, quantisation and context, and nothing else', async () => {
    const {backend} = await pair();
    const [embedded] = await engine.models();
    expect(await backend.models(never)).toEqual([
      {
        name: 'tiny:latest',
        digest: embedded?.digest?.replace('sha256:', 'ollama:'),
        quantisation: 'F32',
        contextTokens: 512,
        sizeBytes: embedded?.sizeBytes,
      },
    ]);
    expect(backend.capabilities().slots).toBe(1);
    expect(await backend.health(never)).toEqual({ok: true});
  });

  it('answers to a name without a tag, with true counts', async () => {
    const {server, backend} = await pair();
    const request = ask('hi', {model: 'tiny', maxTokens: 50, seed: 4, stop: ['zz'], topLogprobs: 2});
    const answer = await collectAnswer(backend, request);
    expect(answer).toMatchObject({text: TEXT, finish: 'stop', tokens: 7});
    expect(answer.usage).toEqual({promptTokens: 5, completionTokens: 7, cachedTokens: 0});
    expect(server.requests[0]).toEqual({
      model: 'tiny:latest',
      messages: [{role: 'user', content: 'hi'}],
      stream: true,
      truncate: false,
      shift: false,
      logprobs: true,
      top_logprobs: 2,
      options: {num_predict: 50, num_ctx: 512, temperature: 0, seed: 4, stop: ['zz']},
    });
    const [first] = answer.events.flatMap((event) => (event.type === 'delta' ? (event.logprobs ?? []) : []));
    expect(first?.logprob).toBeCloseTo(0);
    expect(await collectAnswer(backend, ask('hi', {maxTokens: 2}))).toMatchObject({finish: 'length', tokens: 2});
  });

  it('refuses a model that it does not have, and a prompt that is too long', async () => {
    const {backend} = await pair();
    const unknown = await failure(collectAnswer(backend, ask('hi', {model: 'llama3.2'})));
    expect(unknown).toMatchObject({code: 'MODEL_NOT_FOUND', fix: 'Choose one of: tiny:latest'});
    expect(await failure(collectAnswer(backend, ask('x'.repeat(600))))).toMatchObject({code: 'CONTEXT_TOO_LONG'});
  });

  it('gives embeddings', async () => {
    const {backend} = await pair();
    expect(await backend.embed('tiny', ['a', 'b'], never)).toEqual(await engine.embed('', ['a', 'b'], never));
  });

  it('can be interrupted', async () => {
    const {server, backend} = await pair();
    server.fault = 'stall';
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 200);
    expect(await collectAnswer(backend, ask('hi'), controller.signal)).toMatchObject({finish: 'cancelled'});
  });

  const faults: [Fault, string, RegExp][] = [
    ['stall', 'BACKEND_ERROR', /nothing came for 300 ms/],
    ['cut', 'BACKEND_ERROR', /closed the connection/],
    ['early-end', 'BACKEND_ERROR', /broke off/],
    ['garbage', 'BACKEND_ERROR', /not JSON/],
    ['error-event', 'BACKEND_ERROR', /the GPU is gone/],
    ['endless-line', 'BACKEND_ERROR', /a line longer/],
    ['html', 'BACKEND_ERROR', /not JSON/],
    ['server-error', 'BACKEND_ERROR', /HTTP 500/],
    ['busy', 'BACKEND_BUSY', /no free slot/],
    ['too-long', 'CONTEXT_TOO_LONG', /context/],
  ];
  it.each(faults)('that fails (%s) is an error', async (fault, code, message) => {
    const {server, backend} = await pair({firstTokenMs: 1000, betweenTokensMs: 300});
    server.fault = fault;
    const error = await failure(collectAnswer(backend, ask('hi')));
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
    if (fault === 'busy') expect(error).toMatchObject({retryAfterMs: 3000});
    server.fault = undefined;
    expect((await collectAnswer(backend, ask('hi'))).text).toBe(TEXT);
  });
});
