import {once} from 'node:events';
import {mkdtempSync, rmSync} from 'node:fs';
import {createServer} from 'node:http';
import type {AddressInfo} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import OpenAI from 'openai';
import {afterAll, afterEach, beforeAll, describe, expect, it} from 'vitest';
import {createEmbeddedBackend, type EmbeddedBackend} from '../../../../src/lib/inference/backends/embedded.ts';
import {
  createOpenAiBackend,
  type OpenAiBackend,
  type OpenAiOptions,
} from '../../../../src/lib/inference/backends/openai.ts';
import type {BackendServer} from '../../../support/backend-server.ts';
import {ask, collectAnswer, failure} from '../../../support/collect-answer.ts';
import type {Fault} from '../../../support/http-faults.ts';
import {type OpenAiServerOptions, startOpenAiServer} from '../../../support/openai-server.ts';
import {writeTinyGguf} from '../../../support/tiny-gguf.ts';

const folder = mkdtempSync(join(tmpdir(), 'quiver-openai-'));
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

async function pair(
  serverOptions: OpenAiServerOptions = {},
  options: Partial<OpenAiOptions> = {},
): Promise<{server: BackendServer; backend: OpenAiBackend}> {
  const server = await startOpenAiServer(engine, serverOptions);
  const backend = await createOpenAiBackend({url: server.url, signal: never, ...options});
  cleanups.push(
    () => backend.close(),
    () => server.close(),
  );
  return {server, backend};
}

describe('the servers it knows', () => {
  it.each([
    ['llama.cpp', {contextTokens: 512, quantisation: 'F32', slots: 3}],
    ['vllm', {contextTokens: 512, slots: 32}],
    ['lm-studio', {contextTokens: 512, quantisation: 'F32', slots: 1}],
    ['openai', {contextTokens: 4096, slots: 4}],
  ] as const)('%s', async (flavour, {slots, ...facts}) => {
    const {backend} = await pair({flavour});
    expect(backend.kind).toBe(flavour);
    expect(backend.name).toMatch(new RegExp(`^${flavour}@127.0.0.1:\\d+$`));
    expect(await backend.models(never)).toEqual([expect.objectContaining({name: 'tiny', ...facts})]);
    expect(backend.capabilities().slots).toBe(slots);
    expect(await backend.health(never)).toEqual({ok: true});

    const answer = await collectAnswer(backend, ask('hi', {model: 'tiny:latest'}));
    expect(answer).toMatchObject({text: TEXT, finish: 'stop', tokens: 7});
    expect(answer.usage).toMatchObject({promptTokens: 5, completionTokens: 7});
  });

  it('names a llama.cpp model by the digest of its file, where that is on this machine', async () => {
    const digest = (await engine.models())[0]?.digest;
    expect(digest).toMatch(/^sha256:/);
    const {backend} = await pair({flavour: 'llama.cpp', modelPath});
    expect((await backend.models(never))[0]?.digest).toBe(digest);
    const elsewhere = await pair({flavour: 'llama.cpp', modelPath: '/etc/hostname'});
    expect((await elsewhere.backend.models(never))[0]).not.toHaveProperty('digest');
  });

  it('does not tell others where the file of a llama.cpp model lies', async () => {
    const {backend} = await pair({flavour: 'llama.cpp', modelId: '/home/somebody/models/mine.gguf'});
    expect((await backend.models(never)).map(({name}) => name)).toEqual(['mine']);
    expect((await collectAnswer(backend, {...ask('hi'), model: 'mine'})).text).not.toBe('');
  });

  it('reports token ids and log-probabilities where the server has them', async () => {
    const llama = await pair({flavour: 'llama.cpp'});
    const answer = await collectAnswer(llama.backend, ask('hi', {topLogprobs: 2}));
    expect(answer.tokenIds).toEqual([257, 32, 258, 0xf0, 0x9f, 0x91, 0x8b]);
    const [first] = answer.events.flatMap((event) => (event.type === 'delta' ? (event.logprobs ?? []) : []));
    expect(first).toMatchObject({tokenId: 257, top: [{tokenId: 257}, {}]});
    const vllm = await pair({flavour: 'vllm'});
    expect((await collectAnswer(vllm.backend, ask('hi'))).tokenIds).toEqual(answer.tokenIds);
  });
});

describe('a request', () => {
  it('carries everything the server has to know', async () => {
    const {server, backend} = await pair({}, {apiKey: 'secret-key'});
    await collectAnswer(backend, ask('hi', {maxTokens: 3, temperature: 0.5, seed: 9, stop: ['zz'], topLogprobs: 1}));
    expect(server.requests[0]).toEqual({
      model: 'tiny',
      messages: [{role: 'user', content: 'hi'}],
      max_tokens: 3,
      temperature: 0.5,
      seed: 9,
      stop: ['zz'],
      logprobs: true,
      top_logprobs: 1,
      stream: true,
      stream_options: {include_usage: true},
    });
  });

  it('for an unknown model is refused, even where the server would answer it', async () => {
    const {server, backend} = await pair({flavour: 'llama.cpp'});
    const error = await failure(collectAnswer(backend, ask('hi', {model: 'gpt-4'})));
    expect(error).toMatchObject({code: 'MODEL_NOT_FOUND', fix: 'Choose one of: tiny'});
    expect(server.requests).toEqual([]);
  });

  it('that is aborted ends the answer and closes the connection', async () => {
    const {server, backend} = await pair();
    server.fault = 'stall';
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 300);
    const answer = await collectAnswer(backend, ask('hi'), controller.signal);
    expect(answer).toMatchObject({finish: 'cancelled', usage: {completionTokens: answer.tokens}});
    expect(answer.tokens).toBeGreaterThan(0);
    expect(await collectAnswer(backend, ask('hi'), AbortSignal.abort())).toMatchObject({
      finish: 'cancelled',
      tokens: 0,
    });
  });

  it('gets embeddings', async () => {
    const {backend} = await pair();
    expect(await backend.embed('tiny', ['a', 'b'], never)).toEqual(await engine.embed('', ['a', 'b'], never));
  });
});

describe('a stream', () => {
  it.each(['awkward', 'not-streamed', 'no-usage'] as const)('in %s style gives the same answer', async (style) => {
    const {backend} = await pair({style});
    const answer = await collectAnswer(backend, ask('hi'));
    expect(answer).toMatchObject({text: TEXT, finish: 'stop'});
    expect(answer.usage.completionTokens).toBe(answer.tokens);
    if (style === 'no-usage') expect(answer.usage.promptTokens).toBeGreaterThan(0);
    else expect(answer.usage).toMatchObject({promptTokens: 5, completionTokens: 7});
    for (const event of answer.events) if (event.type === 'delta') expect(event.text).not.toContain('\uFFFD');
  });

  const faults: [Fault, string, RegExp][] = [
    ['silent', 'BACKEND_UNREACHABLE', /does not answer/],
    ['stall', 'BACKEND_ERROR', /nothing came for 300 ms/],
    ['cut', 'BACKEND_ERROR', /closed the connection/],
    ['early-end', 'BACKEND_ERROR', /broke off/],
    ['garbage', 'BACKEND_ERROR', /not JSON/],
    ['error-event', 'BACKEND_ERROR', /the GPU is gone/],
    ['endless-line', 'BACKEND_ERROR', /a line longer/],
    ['html', 'BACKEND_ERROR', /text\/html/],
    ['redirect', 'BACKEND_ERROR', /redirects/],
    ['server-error', 'BACKEND_ERROR', /HTTP 500: out of memory/],
    ['no-key', 'BACKEND_ERROR', /API key/],
    ['too-long', 'CONTEXT_TOO_LONG', /900 tokens.*512/],
    ['quoting', 'BACKEND_ERROR', /refused the request/],
  ];
  it.each(faults)('that fails (%s) is an error', async (fault, code, message) => {
    const {server, backend} = await pair({flavour: 'llama.cpp'}, {firstTokenMs: 1000, betweenTokensMs: 300, slots: 1});
    server.fault = fault;
    const error = await failure(collectAnswer(backend, ask('a secret prompt')));
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
    expect(error.message + error.fix).not.toContain('secret');
    // The slot is free again and the back end usable.
    server.fault = undefined;
    expect((await collectAnswer(backend, ask('hi'))).text).toBe(TEXT);
  });

  it.each([
    ['busy', 3000],
    ['rate-limited', 250],
  ] as const)('refused as %s says when to come back', async (fault, retryAfterMs) => {
    const {server, backend} = await pair();
    server.fault = fault;
    expect(await failure(collectAnswer(backend, ask('hi')))).toMatchObject({
      code: 'BACKEND_BUSY',
      retryable: true,
      retryAfterMs,
    });
  });
});

describe('the connection', () => {
  it('is refused with a fix when there is nothing', async () => {
    const error = await failure(createOpenAiBackend({url: 'http://127.0.0.1:9', signal: never}));
    expect(error).toMatchObject({code: 'BACKEND_UNREACHABLE', retryable: true});
    expect(error.fix).toContain('127.0.0.1:9');
    expect(await failure(createOpenAiBackend({url: 'ftp://x', signal: never}))).toMatchObject({
      code: 'BACKEND_UNREACHABLE',
    });
  });

  it('shows no credentials', async () => {
    const url = 'http://user:hunter2@127.0.0.1:9/v1/';
    const error = await failure(createOpenAiBackend({url, apiKey: 'sk-canary', signal: never}));
    expect(JSON.stringify(error) + error.message + error.fix).not.toMatch(/hunter2|sk-canary/);
    expect(error.message).toContain('http://127.0.0.1:9 ');
  });

  it('takes a password with a % in it, sent as it is', async () => {
    let authorization: string | undefined;
    const server = createServer((request, response) => {
      ({authorization} = request.headers);
      response.end('{"data": []}');
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const {port} = server.address() as AddressInfo;
    const backend = await createOpenAiBackend({url: `http://me:100%zz%40@127.0.0.1:${port}`, signal: never});
    expect(authorization).toBe(`Basic ${Buffer.from('me:100%zz@').toString('base64')}`);
    await backend.close();
    server.close();
  });

  it('reports a server that is still loading, or gone, as unhealthy', async () => {
    const {server, backend} = await pair({flavour: 'llama.cpp'});
    server.fault = 'busy';
    expect(await backend.health(never)).toMatchObject({ok: false});
    await server.close();
    expect((await backend.health(never)).detail).toContain('does not answer');
    expect(await failure(collectAnswer(backend, ask('hi')))).toMatchObject({code: 'BACKEND_UNREACHABLE'});
  });

  it('survives a server that closes idle connections', async () => {
    const {server, backend} = await pair();
    expect((await collectAnswer(backend, ask('hi'))).text).toBe(TEXT);
    for (let round = 0; round < 20; round++) {
      server.closeIdle();
      expect((await collectAnswer(backend, ask('hi'))).text).toBe(TEXT);
    }
  });
});

describe("OpenAI's own client", () => {
  it('is content with the server that the tests run against', async () => {
    const server = await startOpenAiServer(engine);
    cleanups.push(() => server.close());
    const client = new OpenAI({baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0});
    expect((await client.models.list()).data.map(({id}) => id)).toEqual(['tiny']);
    const request = {model: 'tiny', messages: [{role: 'user' as const, content: 'hi'}], max_tokens: 50, temperature: 0};
    const whole = await client.chat.completions.create(request);
    expect(whole.choices[0]?.message.content).toBe(TEXT);
    expect(whole.usage?.completion_tokens).toBe(7);
    const stream = client.chat.completions.stream({...request, stream_options: {include_usage: true}});
    expect((await stream.finalChatCompletion()).choices[0]?.message.content).toBe(TEXT);
    expect((await stream.totalUsage()).completion_tokens).toBe(7);
    const embeddings = await client.embeddings.create({model: 'tiny', input: ['a']});
    expect(embeddings.data[0]?.embedding).toHaveLength(288);
    await expect(client.chat.completions.create({...request, model: 'nope'})).rejects.toMatchObject({
      status: 404,
      code: 'model_not_found',
    });
  });
});
