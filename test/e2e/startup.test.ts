// What a cold start loads. Modules are counted, not milliseconds: counts are the same on a busy machine.
import {mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {pathToFileURL} from 'node:url';

import {afterAll, beforeAll, describe, expect, it} from 'vitest';

import {commandIds} from '../support/manifest.ts';
import {ROOT, runQuiver, type RunOptions} from '../support/quiver.ts';

/** Each costs 20 to 200 ms of every start that loads it. */
const HEAVY =
  /node_modules\/(libp2p|@libp2p|@chainsafe|@multiformats|multiformats|@noble|secp256k1|ethers|inquirer|@inquirer|node-llama-cpp|pino|prom-client|yaml|@bufbuild|datastore-core|cloudflare)\//;
/** What quiver may load for `--help` beyond a bare oclif program: its plugins, its base class. */
const MOST_TIMES_BARE = 1.3;

const HOOK = pathToFileURL(path.join(ROOT, 'test', 'support', 'list-modules.js')).href;

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'q-start-'));
});

afterAll(() => rmSync(folder, {recursive: true, force: true}));

async function modulesLoadedBy(args: readonly string[], options: RunOptions = {}): Promise<string[]> {
  const list = path.join(folder, 'modules');
  rmSync(list, {force: true});
  const env = {...process.env, LIST_MODULES: list, QUIVER_HOME: folder};
  const {code, stderr} = await runQuiver(args, {env, nodeArgs: ['--import', HOOK], ...options});
  expect({code, stderr}).toEqual({code: 0, stderr: ''});
  return readFileSync(list, 'utf8').trim().split('\n');
}

/** A program of one command, as little as oclif allows. */
function bareProgram(): string {
  const bare = path.join(folder, 'bare');
  mkdirSync(path.join(bare, 'commands'), {recursive: true});
  const oclif = {bin: 'bare', dirname: 'bare', commands: {strategy: 'pattern', target: './commands'}};
  writeFileSync(
    path.join(bare, 'package.json'),
    JSON.stringify({name: 'bare', version: '1.0.0', type: 'module', oclif}),
  );
  const hello = {id: 'hello', aliases: [], args: {}, flags: {}, relativePath: ['commands', 'hello.js']};
  writeFileSync(
    path.join(bare, 'oclif.manifest.json'),
    JSON.stringify({
      version: '1.0.0',
      commands: {hello: {...hello, pluginName: 'bare', pluginType: 'core', isESM: true}},
    }),
  );
  writeFileSync(
    path.join(bare, 'run.js'),
    `import {execute} from '@oclif/core/execute';\nawait execute({dir: import.meta.url});\n`,
  );
  symlinkSync(path.join(ROOT, 'node_modules'), path.join(bare, 'node_modules'));
  return path.join(bare, 'run.js');
}

describe('start-up', () => {
  it('sees what is loaded', async () => {
    const loaded = await modulesLoadedBy(['--version']);
    expect(loaded.some((url) => url.endsWith('bin/run.js'))).toBe(true);
    expect(loaded.some((url) => url.includes('@oclif/core/'))).toBe(true);
  });

  it('loads nothing heavy for --help, and hardly more than a bare oclif program', async () => {
    const bare = await modulesLoadedBy(['--help'], {script: bareProgram(), cwd: path.join(folder, 'bare')});
    const loaded = await modulesLoadedBy(['--help']);
    expect(loaded.filter((url) => HEAVY.test(url))).toEqual([]);
    expect(loaded.length).toBeLessThanOrEqual(bare.length * MOST_TIMES_BARE);
  });

  it('loads nothing heavy for --version', async () => {
    expect((await modulesLoadedBy(['--version'])).filter((url) => HEAVY.test(url))).toEqual([]);
  });

  it.each(commandIds())('loads nothing heavy for `quiver %s --help`', async (id) => {
    const loaded = await modulesLoadedBy([...id.split(' '), '--help']);
    expect(loaded.filter((url) => HEAVY.test(url))).toEqual([]);
  });
});
