import {type ChildProcess, spawn} from 'node:child_process';
import {createServer} from 'node:net';
import type {AddressInfo} from 'node:net';
import {setTimeout as delay} from 'node:timers/promises';
import {fileURLToPath} from 'node:url';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import type {Backend} from '../../../../src/lib/inference/backend.ts';
import {discoverBackends} from '../../../../src/lib/inference/backends/discover.ts';
import {createEmbeddedBackend, type EmbeddedBackend} from '../../../../src/lib/inference/backends/embedded.ts';
import {ask, collectAnswer, failure} from '../../../support/collect-answer.ts';

/*
 * Against the real llama.cpp server, when QUIVER_TEST_LLAMA_SERVER names its binary. To build one without internet,
 * from the sources that node-llama-cpp carries (about ten minutes on one core):
 *
 *   git clone node_modules/node-llama-cpp/llama/gitRelease.bundle build/llama.cpp
 *   cmake -S build/llama.cpp -B build/llama.cpp/build -G Ninja -DCMAKE_BUILD_TYPE=Release -DLLAMA_OPENSSL=OFF \
 *     -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DBUILD_SHARED_LIBS=OFF
 *   cmake --build build/llama.cpp/build --target llama-server
 *   QUIVER_TEST_LLAMA_SERVER=build/llama.cpp/build/bin/llama-server npx vitest run llama-server
 */
const binary = process.env['QUIVER_TEST_LLAMA_SERVER'];
if (binary === undefined) console.log('llama-server.test.ts needs QUIVER_TEST_LLAMA_SERVER, a llama-server binary');

const modelPath = fileURLToPath(new URL('../../../../models/quiver-tiny.gguf', import.meta.url));
const never = new AbortController().signal;

describe.skipIf(binary === undefined)('the llama.cpp server', () => {
  let server: ChildProcess;
  let remote: Backend;
  let local: EmbeddedBackend;

  beforeAll(async () => {
    const probe = createServer();
    await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
    const {port} = probe.address() as AddressInfo;
    await new Promise((resolve) => probe.close(resolve));
    const options = [
      '-m',
      modelPath,
      '--host',
      '127.0.0.1',
      '--port',
      String(port),
      '-t',
      '1',
      '-np',
      '2',
      '--alias',
      'tiny',
    ];
    server = spawn(binary!, options, {stdio: 'ignore'});
    local = await createEmbeddedBackend({modelPath});
    for (let tries = 0; tries < 100; tries++) {
      const [found] = await discoverBackends({ports: [port], signal: never});
      if (found !== undefined) {
        remote = found;
        return;
      }
      await delay(100);
    }
    throw new Error('llama-server did not become ready');
  });

  afterAll(async () => {
    await Promise.all([remote?.close(), local?.close()]);
    server.kill('SIGKILL');
  });

  it('is recognised, with its slots, its context and the digest of its file', async () => {
    expect(remote.kind).toBe('llama.cpp');
    expect(remote.capabilities().slots).toBe(2);
    const [[theirs], [ours]] = await Promise.all([remote.models(never), local.models()]);
    expect(theirs).toMatchObject({
      name: 'tiny',
      digest: ours?.digest,
      quantisation: ours?.quantisation,
      sizeBytes: ours?.sizeBytes,
    });
    expect(theirs?.contextTokens).toBeGreaterThanOrEqual(256);
    expect(await remote.health(never)).toEqual({ok: true});
  });

  it.each(['What is a relay node?', 'How do I stake?', 'Hello!', '7 plus 5', 'Wer bist du? 👋'])(
    'says the same as the embedded engine to %j',
    async (prompt) => {
      const request = ask(prompt, {topLogprobs: 1, maxTokens: 100});
      const theirs = await collectAnswer(remote, request);
      const ours = await collectAnswer(local, request);
      expect(theirs.text).toBe(ours.text);
      expect(theirs.finish).toBe(ours.finish);
      expect(theirs.tokenIds).toEqual(ours.tokenIds);
      expect(theirs.tokens).toBe(ours.tokens);
      expect(theirs.usage.completionTokens).toBe(ours.usage.completionTokens);
      expect(theirs.usage.promptTokens).toBe(ours.usage.promptTokens);
    },
  );

  it('refuses what it has to, and can be interrupted', async () => {
    expect(await failure(collectAnswer(remote, ask('hi', {model: 'gpt-4'})))).toMatchObject({code: 'MODEL_NOT_FOUND'});
    const long = await failure(collectAnswer(remote, ask('question '.repeat(5000))));
    expect(long).toMatchObject({code: 'CONTEXT_TOO_LONG'});
    expect(long.message).toMatch(/\d{3,} tokens/);
    const controller = new AbortController();
    let end: unknown;
    for await (const event of remote.chat(
      ask('Tell me everything about quiver.', {temperature: 1}),
      controller.signal,
    )) {
      controller.abort();
      end = event;
    }
    expect(end).toMatchObject({type: 'end', finish: 'cancelled'});
  });
});
