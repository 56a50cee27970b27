// Plants secrets and a prompt that can be recognised, uses quiver as people do, and looks for them in every byte that
// it says and in every file that it leaves.
import {mkdir, readdir, readFile, writeFile} from 'node:fs/promises';
import {createServer, type Server} from 'node:http';
import {once} from 'node:events';
import type {AddressInfo} from 'node:net';
import path from 'node:path';

import {afterAll, beforeAll, describe, expect, it, onTestFinished} from 'vitest';

import {controlClient} from '../../src/lib/service/control-client.ts';
import {collect, runQuiver, spawnQuiver, temporaryHome, waitForLine, type RunResult} from '../support/quiver.ts';

const API_KEY = 'canary-api-key-5b1d';
const PASSWORD = 'canary-p@ss/word-77c0';
/** As it may stand in a URL: browsers take the @ as it is. */
const URL_PASSWORD = encodeURIComponent(PASSWORD).replaceAll('%40', '@');
const VARIABLE = 'canary-variable-90ab';
const ICE_TOKEN = 'canary-ice-token-0123456789abcdef';
const REDIS_PASSWORD = 'canary-redis-3d1c';
const TSIG_SECRET = 'canaryTsigSecret0123456789AAAAAA';
const CLOUDFLARE_TOKEN = 'canary-cloudflare-token-44aa';
const PROMPT = 'CANARYPROMPT: what is a relay node?';
/** The middle of the password is written in several ways. */
const WORDS = [ICE_TOKEN, REDIS_PASSWORD, TSIG_SECRET, CLOUDFLARE_TOKEN];
const CANARIES = [API_KEY, 'canary-p', 'word-77c0', VARIABLE, 'CANARYPROMPT', ...WORDS];
/** Where a secret of the user belongs. */
const KEPT = ['config/config.yaml', 'quiver.yaml'];

let home: Awaited<ReturnType<typeof temporaryHome>>;
let backend: Server;
let seenByBackend = '';
const said: string[] = [];

async function quiver(args: readonly string[], input = ''): Promise<RunResult> {
  const result = await runQuiver(args, {env: home.env, cwd: home.home, input});
  said.push(`quiver ${args[0]} ${args[1]}:\n${result.stdout}\n${result.stderr}`);
  return result;
}

/** The same as text and as JSON. */
async function both(args: readonly string[], input = ''): Promise<void> {
  await Promise.all([quiver(args, input), quiver([...args, '--json'], input)]);
}

/** Every file below a folder, by its path in it. */
async function filesIn(folder: string): Promise<Map<string, Buffer>> {
  const entries = await readdir(folder, {recursive: true, withFileTypes: true});
  const files = entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
  return new Map(
    await Promise.all(files.map(async (file) => [path.relative(folder, file), await readFile(file)] as const)),
  );
}

/** A server that wants a password and complains by repeating what it was told. */
function startBackend(): Server {
  return createServer((request, response) => {
    seenByBackend += request.headers.authorization ?? '';
    response.writeHead(401, {'content-type': 'application/json'});
    response.end(JSON.stringify({error: {message: `refused: ${request.headers.authorization ?? ''}`}}));
  }).listen(0, '127.0.0.1');
}

beforeAll(async () => {
  home = await temporaryHome();
  home.env = {
    ...home.env,
    PRIVATE_KEY: VARIABLE,
    TURN_AUTH_SECRET: VARIABLE,
    QUIVER_ICE_TOKEN: ICE_TOKEN,
    QUIVER_SIGNAL_REDIS_URL: `redis://:${REDIS_PASSWORD}@127.0.0.1:1`,
    QUIVER_DNS_TSIG_KEY: `quiver-key:${TSIG_SECRET}`,
    CLOUDFLARE_API_TOKEN: CLOUDFLARE_TOKEN,
  };
  backend = startBackend();
  await once(backend, 'listening');
  const {port} = backend.address() as AddressInfo;
  await mkdir(path.join(home.home, 'config'));
  const urls = [`http://me:${URL_PASSWORD}@127.0.0.1:${port}`, `http://me:${URL_PASSWORD}@127.0.0.1:9`];
  await writeFile(
    path.join(home.home, 'quiver.yaml'),
    `provider:\n  backends: ${JSON.stringify(urls)}\n  backend_api_key: ${API_KEY}\n`,
  );
});

afterAll(async () => {
  backend.close();
  await home[Symbol.asyncDispose]();
});

describe('no secret and no prompt', () => {
  it('is in what `up` answers to anyone, at the most talkative level', async () => {
    const up = spawnQuiver(['up', '--log-level', 'trace', '--json'], {env: home.env, cwd: home.home});
    onTestFinished(() => void up.kill('SIGKILL'));
    const ended = collect(up);
    const ready = JSON.parse(await waitForLine(up, (line) => line.includes('"ready"'))) as {
      admin: string;
      socket: string;
    };
    await both(['infer', '--trace', PROMPT]);
    await both(['infer', '-', '--model', 'no-such-model'], PROMPT);
    await both(['status']);
    await both(['doctor']);
    await both(['models']);
    await quiver(['network', 'peers', '--json']);
    for (const name of ['healthz', 'readyz', 'info', 'metrics', 'dht/stats']) {
      said.push(`/${name}: ${await (await fetch(`${ready.admin}/${name}`)).text()}`);
    }
    const bad = {messages: [{role: 'nobody', content: PROMPT}]};
    said.push(
      String(
        await controlClient(ready.socket)
          .post('/v1/infer', bad)
          .catch((error: unknown) => error),
      ),
    );
    for (const [file, bytes] of await filesIn(path.join(home.home, 'run')))
      said.push(`${file}: ${bytes.toString('latin1')}`);
    await quiver(['stop']);
    const {stdout, stderr, code} = await ended;
    expect(code).toBe(0);
    expect(stderr).toContain('"msg":"request ended"');
    said.push(stdout, stderr);
    expect(seenByBackend).toContain(`Bearer ${API_KEY}`);
  });

  it('is in what other commands say, nor in their errors', async () => {
    await both(['config', 'show']);
    await both(['config', 'get', 'provider.backends']);
    await both(['config', 'get', 'provider.backend_api_key']);
    await both(['config', 'set', 'provider.backend_api_key', '-'], API_KEY);
    await both(['config', 'set', 'provider.backends', `http://me:${PASSWORD}@127.0.0.1:9`]);
    await both(['config', 'set', 'provider.backends', `me:${API_KEY}@host`]);
    await both(['config', 'show', `--api-key=${API_KEY}`]);
    await both(['provider', 'start', '--backend', `http://me:${URL_PASSWORD}@127.0.0.1:99999`]);
    await both(['identity', 'create', 'provider']);
    await both(['identity', 'show']);
    await both(['receipts', 'list']);
    await both(['receipts', 'show']);
    await both(['receipts', 'verify']);
    await both(['receipts', 'export', '--with-salt']);
    await both(['models']);
    await both(['status']);
    const whole = await quiver(['up', '--once', '--ask', PROMPT, '--json', '--log-level', 'trace']);
    expect(whole.code).toBe(0);
  });

  it.each([
    ['turn', ['--port', '0', '--ice-port', '0']],
    ['signal', ['--port', '0']],
  ])('is in what `%s start` says, at the most talkative level', async (name, flags) => {
    const args = [name, 'start', ...flags, '--admin-port', '0', '--log-level', 'trace', '--json'];
    const server = spawnQuiver(args, {env: home.env, cwd: home.home});
    onTestFinished(() => void server.kill('SIGKILL'));
    const ended = collect(server);
    const ready = JSON.parse(await waitForLine(server, (line) => line.includes('"ready"'))) as {admin: string};
    await both(['status']);
    for (const page of ['healthz', 'info', 'metrics']) {
      said.push(`${name} /${page}: ${await (await fetch(`${ready.admin}/${page}`)).text()}`);
    }
    await quiver(['stop']);
    const {stdout, stderr, code} = await ended;
    expect(code).toBe(0);
    said.push(`${name}\n${stdout}\n${stderr}`);
  });

  it('is in what is said of servers that refuse them', async () => {
    const {port} = backend.address() as AddressInfo;
    const zone = ['--zone', 'quiver.example', '--host', '9.9.9.9'];
    await both(['ice', 'servers', '--url', `http://127.0.0.1:${port}/api/v1/turn/ice-servers`]);
    expect(seenByBackend).toContain(`Bearer ${ICE_TOKEN}`);
    home.env = {...home.env, CLOUDFLARE_BASE_URL: `http://127.0.0.1:${port}`};
    await both(['dns', 'plan', '--provider', 'cloudflare', ...zone]);
    expect(seenByBackend).toContain(`Bearer ${CLOUDFLARE_TOKEN}`);
    await both(['dns', 'plan', '--provider', 'rfc2136', '--server', '127.0.0.1:1', ...zone]);
  });

  it('was printed', () => {
    for (const canary of CANARIES)
      expect(said.filter((text) => text.includes(canary)).map((text) => around(text, canary))).toEqual([]);
  });

  it('nor a key of this machine', async () => {
    const keys = [...(await filesIn(path.join(home.home, 'data', 'identities')))];
    expect(keys.length).toBeGreaterThan(3);
    for (const [file, bytes] of keys) {
      const text = bytes.toString('latin1').trim();
      // A payment key is kept in hex; a peer key as bytes, of which 4 to 36 are the secret half.
      const secrets = file.endsWith('.payment.key')
        ? [text]
        : ['hex', 'base64', 'latin1'].map((form) => bytes.subarray(4, 36).toString(form as BufferEncoding));
      for (const secret of secrets)
        expect(
          said.some((line) => line.includes(secret)),
          file,
        ).toBe(false);
    }
  });

  it('is in a file, but for the settings in those of the user', async () => {
    for (const [file, bytes] of await filesIn(home.home)) {
      for (const canary of CANARIES) {
        if (canary !== 'CANARYPROMPT' && KEPT.includes(file)) continue;
        expect(bytes.includes(canary), `${canary} in ${file}`).toBe(false);
      }
    }
  });
});

function around(text: string, canary: string): string {
  const at = text.indexOf(canary);
  return `${text.slice(0, text.indexOf('\n'))} … ${text.slice(Math.max(0, at - 80), at + 60)}`;
}
