import {execFile, spawn} from 'node:child_process';
import {copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {setTimeout as delay} from 'node:timers/promises';
import {fileURLToPath, pathToFileURL} from 'node:url';
import {promisify} from 'node:util';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {createEmbeddedBackend} from '../../../../../src/lib/inference/backends/embedded.ts';
import {EngineHost} from '../../../../../src/lib/inference/backends/embedded/engine-host.ts';
import {ask, collectAnswer, failure} from '../../../../support/collect-answer.ts';
import {writeTinyGguf} from '../../../../support/tiny-gguf.ts';

const folder = mkdtempSync(join(tmpdir(), 'quiver-engine-'));
const modelPath = join(folder, 'model.gguf');
const never = new AbortController().signal;
const source = new URL('../../../../../src/lib/inference/backends/embedded.ts', import.meta.url).href;

beforeAll(() => writeTinyGguf(modelPath, {contextTokens: 4096, script: ['tick', ' ', 'tock', ',']}));
afterAll(() => rmSync(folder, {recursive: true}));

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

const eventually = async (what: () => boolean | Promise<boolean>): Promise<void> => {
  for (let tries = 0; tries < 200; tries++) {
    if (await what()) return;
    await delay(50);
  }
  throw new Error('it did not happen within 10 s');
};

/** A program of its own that starts the engine and says its process id. */
const program = (rest: string): string => `
  const {createEmbeddedBackend} = await import(${JSON.stringify(source)});
  const backend = await createEmbeddedBackend({modelPath: ${JSON.stringify(modelPath)}});
  console.log(backend.pid);
  ${rest}`;

describe('an engine that crashes', () => {
  it('fails the running answer as retryable, and comes back', async () => {
    const backend = await createEmbeddedBackend({modelPath, slots: 2});
    const {pid} = backend;
    let received = 0;
    const running = (async () => {
      for await (const event of backend.chat(ask('go', {maxTokens: 4000}), never)) {
        if (event.type !== 'delta' || received++ > 0) continue;
        process.kill(pid!, 'SIGKILL');
      }
    })();
    const error = await failure(running);
    expect(error).toMatchObject({code: 'ENGINE_CRASHED', retryable: true});
    expect(error.message).toContain('SIGKILL');
    expect(await backend.health(never)).toMatchObject({ok: false});
    // A request that comes meanwhile waits for the new engine.
    expect((await collectAnswer(backend, ask('again', {maxTokens: 5}))).text).toBe('tick tock,tick');
    expect(await backend.health(never)).toEqual({ok: true});
    expect(backend.pid).not.toBe(pid);
    await backend.close();
  });

  it('rests after five crashes in a minute, and says why', async () => {
    const backend = await createEmbeddedBackend({modelPath});
    for (let crash = 1; crash <= 5; crash++) {
      const pid = backend.pid!;
      process.kill(pid, 'SIGKILL');
      if (crash < 5) await eventually(() => backend.pid !== undefined && backend.pid !== pid);
      else await eventually(async () => /rests until/.test((await backend.health(never)).detail ?? ''));
    }
    expect((await backend.health(never)).detail).toMatch(/crashed 5 times in a minute \(SIGKILL\)/);
    expect(await failure(collectAnswer(backend, ask('x')))).toMatchObject({code: 'ENGINE_CRASHED'});
    await backend.close();
  }, 40_000);

  it('is ended and started anew when it hangs', async () => {
    const host = new EngineHost({modelPath, slots: 1, hangsAfterMs: 400});
    await host.whenReady();
    const pid = host.pid!;
    expect(await host.ping(never)).toBe(true);
    process.kill(pid, 'SIGSTOP');
    expect(await host.ping(AbortSignal.timeout(100))).toBe(false);
    expect(isAlive(pid)).toBe(true);
    expect(await host.ping(never)).toBe(false);
    await eventually(() => !isAlive(pid) && host.trouble === undefined);
    expect(await host.ping(never)).toBe(true);
    await host.close();
  });

  it('ends when it is closed, together with its answers', async () => {
    const backend = await createEmbeddedBackend({modelPath});
    const pid = backend.pid!;
    const running = failure(collectAnswer(backend, ask('go', {maxTokens: 4000})));
    await delay(50);
    await backend.close();
    expect(isAlive(pid)).toBe(false);
    expect(await running).toMatchObject({code: 'ENGINE_CRASHED'});
    expect((await backend.health(never)).ok).toBe(false);
    expect(await failure(collectAnswer(backend, ask('x')))).toMatchObject({code: 'ENGINE_CRASHED'});
  });

  it('lets go of requests that wait for its return', async () => {
    const backend = await createEmbeddedBackend({modelPath});
    process.kill(backend.pid!, 'SIGKILL');
    await eventually(async () => !(await backend.health(never)).ok);
    expect(await collectAnswer(backend, ask('x'), AbortSignal.timeout(20))).toMatchObject({finish: 'cancelled'});
    const waiting = failure(collectAnswer(backend, ask('x')));
    await backend.close();
    expect(await waiting).toMatchObject({code: 'ENGINE_CRASHED'});
  });
});

describe('the engine process', () => {
  it('outlives signals to the group, and ends with its parent', async () => {
    const parent = spawn(process.execPath, ['--input-type=module', '-e', program('setInterval(() => {}, 1000)')]);
    const pid = Number(await new Promise((resolve) => parent.stdout.once('data', resolve)));
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.kill(pid, signal);
    await delay(200);
    expect(isAlive(pid)).toBe(true);
    parent.kill('SIGKILL');
    await eventually(() => !isAlive(pid));
  });

  it('prints nothing, inherits nothing, and lets its parent end', async () => {
    const script = program(`
      const {readFileSync} = await import('node:fs');
      console.log(process.platform === 'linux' ? JSON.stringify(readFileSync('/proc/' + backend.pid + '/environ', 'utf8')) : 'no /proc here');
      for await (const event of backend.chat(${JSON.stringify(ask('x', {maxTokens: 3}))}, new AbortController().signal));`);
    const env = {...process.env, PRIVATE_KEY: 'canary'};
    const run = promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {env, timeout: 15_000});
    const {stdout, stderr} = await run;
    expect(stderr).toBe('');
    const lines = stdout.trim().split('\n');
    expect(lines).toHaveLength(2);
    expect(lines[1]).not.toContain('canary');
    expect(lines[1]).not.toContain('PATH');
    // Else the engine would not start for a user whom the system has no entry for.
    expect(lines[1]).toContain('HOME=/nonexistent');
  });
});

describe('a machine without the engine', () => {
  it('is told so, and what to do', async () => {
    // The sources somewhere where node-llama-cpp is not to be found.
    const elsewhere = join(folder, 'elsewhere');
    for (const part of ['core', 'inference', 'observability']) {
      cpSync(fileURLToPath(new URL(`../../../../../src/lib/${part}`, import.meta.url)), join(elsewhere, part), {
        recursive: true,
      });
    }
    writeFileSync(join(elsewhere, 'package.json'), '{"type": "module"}');
    const copy = pathToFileURL(join(elsewhere, 'inference/backends/embedded.ts')).href;
    const script = `
      const {createEmbeddedBackend} = await import(${JSON.stringify(copy)});
      await createEmbeddedBackend({modelPath: ${JSON.stringify(modelPath)}}).catch(({code, fix}) => console.log(code, fix));`;
    const {stdout} = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
      timeout: 15_000,
    });
    expect(stdout).toMatch(/^ENGINE_UNAVAILABLE Start Ollama/);
  });
});

describe('a model file', () => {
  it.each([
    ['missing', () => join(folder, 'nothing.gguf'), 'MODEL_FILE_MISSING'],
    ['a folder', () => mkdirSync(join(folder, 'dir.gguf'), {recursive: true})!, 'MODEL_FILE_MISSING'],
    [
      'something else',
      () => (writeFileSync(join(folder, 'text.gguf'), 'hello'), join(folder, 'text.gguf')),
      'MODEL_FILE_INVALID',
    ],
    ['empty', () => (writeFileSync(join(folder, 'empty.gguf'), ''), join(folder, 'empty.gguf')), 'MODEL_FILE_INVALID'],
    [
      'cut off',
      () => {
        const path = join(folder, 'cut.gguf');
        copyFileSync(modelPath, path);
        truncateSync(path, 100_000);
        return path;
      },
      'MODEL_FILE_INVALID',
    ],
    [
      'such that llama.cpp aborts on it',
      () => {
        const path = join(folder, 'abort.gguf');
        // Two tokens with the same text.
        writeFileSync(path, Buffer.from(readFileSync(modelPath).toString('latin1').replace('tock', 'tick'), 'latin1'));
        return path;
      },
      'MODEL_FILE_INVALID',
    ],
  ])('that is %s is refused with a fix', async (_, path, code) => {
    const error = await failure(createEmbeddedBackend({modelPath: path()}));
    expect(error.code).toBe(code);
    expect(error.fix).not.toBe('');
  });
});
