import {readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {pathToFileURL} from 'node:url';

import {afterAll, beforeAll, describe, expect, it} from 'vitest';

import {EXIT} from '../../src/lib/core/errors.ts';
import {ROOT, runQuiver, spawnQuiver, temporaryHome, waitForLine, collect} from '../support/quiver.ts';
import {writeTinyGguf} from '../support/tiny-gguf.ts';

const PROVIDER = [
  'provider',
  'start',
  '--port',
  '0',
  '--quic-port',
  'off',
  '--ws-port',
  'off',
  '--webrtc-port',
  'off',
  '--admin-port',
  '0',
  '--no-mdns',
];
const WRONG_CLOCK = pathToFileURL(join(ROOT, 'test', 'support', 'wrong-clock.js')).href;
const WORDS = ['Once', ' upon', ' a', ' time', '.'];

let home: Awaited<ReturnType<typeof temporaryHome>>;
let provider: ReturnType<typeof spawnQuiver>;
let address: string;
let file: string;

beforeAll(async () => {
  home = await temporaryHome();
  file = join(home.home, 'fable.gguf');
  writeTinyGguf(file, {name: 'fable', script: [...WORDS, '<|end|>']});
  provider = spawnQuiver([...PROVIDER, '--model', file, '--json'], {env: home.env});
  const ready = JSON.parse(await waitForLine(provider, (line) => line.includes('"ready"'))) as {
    services: {kind: string; addresses: string[]}[];
  };
  address = ready.services.find(({kind}) => kind === 'network.node')!.addresses[0]!;
}, 60_000);

afterAll(async () => {
  const ended = collect(provider, 15_000);
  provider.kill('SIGTERM');
  expect(await ended).toMatchObject({code: EXIT.done});
  await home[Symbol.asyncDispose]();
}, 30_000);

const quiver = (args: readonly string[], input?: string, env = home.env) =>
  runQuiver(args, {env, ...(input !== undefined && {input})});

describe('quiver infer', () => {
  it('prints the answer on stdout and who gave it on stderr', async () => {
    const {code, stdout, stderr} = await quiver(['infer', 'Tell me a fable.']);
    expect(stderr).toMatch(
      /^fable by …\w{8} · 5 tokens · [\d,]+ tokens\/s · first token \d+ ms · [\d.]+ QUIV · receipt 0x[0-9a-f]{12}\n$/,
    );
    expect(stdout).toBe(`${WORDS.join('')}\n`);
    expect(code).toBe(EXIT.done);
  });

  it('reads stdin, prints events, writes the receipt, and the receipt is valid', async () => {
    const receipt = join(home.home, 'receipt.json');
    const {code, stdout} = await quiver(
      ['infer', '-', '--json', '--trace', '--model', 'fable', '--receipt', receipt, '--max-tokens', '3'],
      'A fable?\n',
    );
    const events = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as {event: string; text?: string; finish?: string});
    expect(code).toBe(EXIT.done);
    expect(events.map(({event}) => event)).toEqual(
      expect.arrayContaining(['trace', 'chosen', 'token', 'receipt', 'end']),
    );
    expect(events.map(({text}) => text ?? '').join('')).toBe('Once upon a');
    expect(events.at(-1)).toMatchObject({event: 'end', finish: 'length'});
    expect(JSON.parse(readFileSync(receipt, 'utf8'))).toMatchObject({type: 'quiver.receipt.v1'});
    expect((await quiver(['receipts', 'verify', receipt])).code).toBe(EXIT.done);
    expect((await quiver(['receipts', 'list'])).stdout).toContain('fable');
  });

  it('asks through a short-lived node when nothing runs in its profile', async () => {
    await using other = await temporaryHome();
    const {code, stdout, stderr} = await quiver(
      ['infer', 'Tell me a fable.', '--bootstrap', address],
      undefined,
      other.env,
    );
    expect(stderr).toMatch(/^Nothing of quiver runs here/);
    expect(stdout).toBe(`${WORDS.join('')}\n`);
    expect(code).toBe(EXIT.done);
  });

  it('asks a model file without any network', async () => {
    await using other = await temporaryHome();
    const {code, stdout, stderr} = await quiver(['infer', 'Tell me a fable.', '--model', file], undefined, other.env);
    expect(stdout).toBe(`${WORDS.join('')}\n`);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(code).toBe(EXIT.done);
  });

  it.each([
    [EXIT.usage, ['infer'], 'prompt'],
    [EXIT.usage, ['infer', ' '], 'prompt is empty'],
    [EXIT.usage, ['infer', 'hi', '--temperature', 'hot'], '--temperature 0.7'],
    [EXIT.usage, ['infer', 'hi', '--race', '2', '--broadcast'], '--broadcast'],
    [EXIT.failed, ['infer', 'hi', '--model', 'llama'], 'there are: fable'],
    [EXIT.failed, ['infer', 'hi', '--max-price', '0.000001'], '--max-price'],
  ])('ends with %i: %j', async (exit, args, text) => {
    const {code, stdout, stderr} = await quiver(args);
    expect(stderr).toContain(text);
    expect(stdout).toBe('');
    expect(code).toBe(exit);
  });

  it('says how to start when there is no network', async () => {
    await using other = await temporaryHome();
    const {code, stderr} = await quiver(['infer', 'hi'], undefined, other.env);
    expect(stderr).toContain('quiver up');
    expect(code).toBe(EXIT.failed);
  });

  it.each([
    ['--max-tokens', '99999999999'],
    ['--max-price', '9'.repeat(60)],
    ['--temperature', 'warm'],
  ])('takes %s %s for wrong usage', async (flag, value) => {
    const {code, stdout, stderr} = await quiver(['infer', 'Hi', flag, value]);
    expect({code, stdout}).toEqual({code: EXIT.usage, stdout: ''});
    expect(stderr).toMatch(/^Error: .*\nTry: /);
  });

  it('asks nothing when the receipt has no place to go', async () => {
    const {code, stdout} = await quiver(['infer', 'Hi', '--receipt', join(home.home, 'nowhere', 'receipt.json')]);
    expect({code, stdout}).toEqual({code: EXIT.failed, stdout: ''});
  });

  it('ends with 130 at Ctrl-C, and the receipt of what was made is kept', async () => {
    const endless = join(home.home, 'endless.gguf');
    writeTinyGguf(endless, {name: 'endless', script: ['la', ' la'], contextTokens: 100_000});
    await using other = await temporaryHome();
    const child = spawnQuiver(['infer', 'Sing', '--model', endless, '--max-tokens', '30000'], {env: other.env});
    const ended = collect(child);
    await new Promise((resolve) => child.stdout!.once('data', resolve));
    child.kill('SIGINT');
    expect(await ended).toMatchObject({code: EXIT.interrupted});
    const {stdout} = await quiver(['receipts', 'list', '--json'], undefined, other.env);
    expect(JSON.parse(stdout)).toMatchObject({receipts: [expect.objectContaining({})]});
    expect(stdout).toContain('cancelled');
  });
});

describe('quiver models', () => {
  it('lists what the network offers', async () => {
    const {code, stdout} = await quiver(['models']);
    expect(stdout).toMatch(/^MODEL +DIGEST +QUANT +CONTEXT +QUIV\/1K IN +OUT +PROVIDERS +LOAD\nfable +[0-9a-f]{12} /);
    expect(code).toBe(EXIT.done);
    const {models} = JSON.parse((await quiver(['models', '--json'])).stdout) as {models: object[]};
    expect(models).toMatchObject([
      {name: 'fable', digest: expect.stringMatching(/^sha256:/), providers: [expect.any(String)]},
    ]);
  });
});

describe('quiver provider start', () => {
  it('fails with a fix for a model file that is none', async () => {
    await using other = await temporaryHome();
    const broken = join(other.home, 'broken.gguf');
    writeFileSync(broken, 'not a model');
    const {code, stderr} = await quiver([...PROVIDER, '--model', broken], undefined, other.env);
    expect(stderr).toContain('broken.gguf');
    expect(code).toBe(EXIT.failed);
  });
});

it.each([
  ['behind', -7_200_000, 'The certificate is not valid yet'],
  ['ahead', 7_200_000, 'it ended the connection at once'],
])('says what to look at when a clock is two hours %s', async (_how, offMs, reason) => {
  const elsewhere = await temporaryHome();
  const {code, stderr} = await runQuiver(['infer', 'Hello', '--bootstrap', address], {
    env: {...elsewhere.env, CLOCK_OFF_MS: String(offMs)},
    nodeArgs: ['--import', WRONG_CLOCK],
  });
  expect(code).toBe(EXIT.failed);
  expect(stderr).toContain(`${address}: ${reason}`);
  expect(stderr).toContain('date -u');
  await elsewhere[Symbol.asyncDispose]();
});
