import {mkdtempSync, rmSync} from 'node:fs';
import {createServer, type Server} from 'node:net';
import {createServer as createHttpServer, type RequestListener, type Server as HttpServer} from 'node:http';
import type {AddressInfo} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, afterEach, beforeAll, describe, expect, it} from 'vitest';
import {discoverBackends} from '../../../../src/lib/inference/backends/discover.ts';
import {createEmbeddedBackend, type EmbeddedBackend} from '../../../../src/lib/inference/backends/embedded.ts';
import {ask, collectAnswer} from '../../../support/collect-answer.ts';
import {startOllamaServer} from '../../../support/ollama-server.ts';
import {startOpenAiServer} from '../../../support/openai-server.ts';
import {writeTinyGguf} from '../../../support/tiny-gguf.ts';

const folder = mkdtempSync(join(tmpdir(), 'quiver-discover-'));
const never = new AbortController().signal;
let engine: EmbeddedBackend;
let cleanups: (() => Promise<unknown> | void)[] = [];

beforeAll(async () => {
  const modelPath = join(folder, 'model.gguf');
  writeTinyGguf(modelPath, {name: 'tiny', script: ['yes', '<|end|>']});
  engine = await createEmbeddedBackend({modelPath});
});
afterEach(async () => {
  for (const cleanup of cleanups) await cleanup();
  cleanups = [];
});
afterAll(async () => {
  await engine.close();
  rmSync(folder, {recursive: true});
});

const portOf = (url: string): number => Number(new URL(url).port);

/** A port on which something else listens. */
async function stranger(server: Server | HttpServer): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => {
    server.close();
    if ('closeAllConnections' in server) server.closeAllConnections();
  });
  return (server.address() as AddressInfo).port;
}

async function names(options: Parameters<typeof discoverBackends>[0]): Promise<string[]> {
  const found = await discoverBackends(options);
  cleanups.push(...found.map((backend) => () => backend.close()));
  for (const backend of found) expect((await collectAnswer(backend, ask('hi'))).text).toBe('yes');
  return found.map((backend) => backend.kind).toSorted();
}

describe('discoverBackends', () => {
  it('recognises every kind of server, once each', async () => {
    const flavours = ['llama.cpp', 'vllm', 'lm-studio', 'openai'] as const;
    const servers = await Promise.all([
      startOllamaServer(engine),
      ...flavours.map((flavour) => startOpenAiServer(engine, {flavour})),
    ]);
    cleanups.push(...servers.map((server) => () => server.close()));
    const ports = servers.map(({url}) => portOf(url));
    const urls = [`http://localhost:${ports[0]}/`, `${servers[1]?.url}/v1`];
    expect(await names({ports, urls, signal: never})).toEqual(['llama.cpp', 'lm-studio', 'ollama', 'openai', 'vllm']);
  });

  it('never takes our own gateway for a back end', async () => {
    const gateway = await startOpenAiServer(engine, {headers: {'x-quiver': '1'}});
    cleanups.push(() => gateway.close());
    expect(await names({ports: [portOf(gateway.url)], urls: [gateway.url], signal: never})).toEqual([]);
  });

  it('is not held up or taken in by anything else that listens', async () => {
    const http = (listener: RequestListener): Promise<number> => stranger(createHttpServer(listener));
    const ports = await Promise.all([
      stranger(createServer(() => {})),
      stranger(createServer((socket) => socket.end('SSH-2.0-OpenSSH_9.2\r\n'))),
      stranger(createServer((socket) => void socket.on('error', () => {}).write(Buffer.alloc(1 << 20)))),
      http((_, response) => response.end('<html>hello</html>')),
      http((_, response) => response.writeHead(302, {location: 'http://127.0.0.1:1/'}).end()),
      http((_, response) => response.end('{"data": "no list"}')),
      http((_, response) => response.end('{"data": []')),
      http((_, response) => void response.write('{"data": [')),
      http((_, response) => {
        const timer = setInterval(() => response.write(' '.repeat(1 << 18)), 1);
        response.on('close', () => clearInterval(timer));
      }),
      http((_, response) => response.writeHead(401).end('{"error": {"message": "no"}}')),
      http((_, response) => response.writeHead(500).end()),
    ]);
    const before = performance.now();
    expect(await names({ports: [...ports, 9], signal: never, timeoutMs: 500})).toEqual([]);
    expect(performance.now() - before).toBeLessThan(1500);
  });

  it('says why a server that was named is missing', async () => {
    const problems = new Map<string, unknown>();
    const onProblem = (url: string, error: unknown): void => void problems.set(url, error);
    const guarded = await stranger(createHttpServer((_, response) => response.writeHead(401).end('{}')));
    const urls = ['http://127.0.0.1:9', 'not a url', `http://127.0.0.1:${guarded}`];
    expect(await discoverBackends({urls, ports: [10], signal: never, onProblem})).toEqual([]);
    expect([...problems.keys()]).toEqual(expect.arrayContaining(['http://127.0.0.1:9', 'not a url']));
    expect(problems.size).toBe(3);
    expect(problems.get('http://127.0.0.1:9')).toMatchObject({code: 'BACKEND_UNREACHABLE'});
    expect(problems.get(`http://127.0.0.1:${guarded}`)).toMatchObject({message: expect.stringContaining('API key')});
  });

  it('can be interrupted', async () => {
    await expect(discoverBackends({ports: [], signal: AbortSignal.abort()})).rejects.toThrow();
  });
});
