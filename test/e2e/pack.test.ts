// What is published: packed, installed from the tarball as a user would, weighed, and run.
import {execFile} from 'node:child_process';
import {
  existsSync,
  globSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import {rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {promisify} from 'node:util';

import {publint} from 'publint';
import {afterAll, beforeAll, describe, expect, it, vi} from 'vitest';

import {collect, ROOT, runQuiver, spawnQuiver, temporaryHome, waitForLine} from '../support/quiver.ts';

/** On Linux x64; the engine's binaries and the npm inside plugin-plugins are most of it. */
const MOST_INSTALLED_MB = 150;
const MB = 1_000_000;
const STAGE = path.join(ROOT, 'build', 'package');
const TYPE_ROOTS = path.join(ROOT, 'node_modules', '@types');
const run = promisify(execFile);

interface Packed {
  filename: string;
  files: {path: string}[];
}

let folder: string;
let installed: string;
let packed: Packed;

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'q-pack-'));
  // What is compiled here is of no use to anything else.
  vi.stubEnv('NODE_COMPILE_CACHE', path.join(folder, 'compile-cache'));
  await run(process.execPath, ['scripts/package.js'], {cwd: ROOT});
  const {stdout} = await run('npm', ['pack', STAGE, '--json', '--pack-destination', folder], {cwd: folder});
  packed = firstPacked(JSON.parse(stdout));
  const prefix = path.join(folder, 'prefix');
  await run('npm', ['install', '--global', '--prefix', prefix, path.join(folder, packed.filename)], {cwd: folder});
  installed = path.join(prefix, 'lib', 'node_modules', '@quiver-network', 'quiver');
}, 180_000);

afterAll(() => rm(folder, {recursive: true, force: true}), 120_000);

/** npm 11 prints a list, npm 12 an object by name. */
function firstPacked(output: unknown): Packed {
  return Object.values(output as Record<string, Packed>)[0]!;
}

function bytesIn(file: string): number {
  const stats = lstatSync(file);
  if (!stats.isDirectory()) return stats.size;
  return readdirSync(file).reduce((sum, entry) => sum + bytesIn(path.join(file, entry)), 0);
}

describe('the published package', () => {
  it('holds what it should and nothing else', () => {
    const files = packed.files.map((file) => file.path);
    const kinds = new Set(files.map((file) => file.replace(/^(bin|contracts\/artifacts|dist|models)\/.*/, '$1')));
    const folders = ['bin', 'contracts/artifacts', 'dist', 'models'];
    const single = ['LICENSE', 'README.md', 'THIRD-PARTY.md', 'oclif.manifest.json', 'package.json'];
    expect([...kinds].sort()).toEqual([...folders, ...single].sort());
    expect(files).toContain('models/quiver-tiny.gguf');
    expect(files.filter((file) => /\.(ts|map)$/.test(file) && !file.endsWith('.d.ts'))).toEqual([]);
  });

  it('has an entry for each command', () => {
    for (const file of globSync('src/commands/**/*.ts', {cwd: ROOT})) {
      const entry = path.join(installed, file.replace(/^src/, 'dist').replace(/\.ts$/, '.js'));
      expect(existsSync(entry), entry).toBe(true);
    }
  });

  it('is clean for publint', async () => {
    const {messages} = await publint({pkgDir: STAGE, strict: true});
    expect(messages).toEqual([]);
  });

  it('names the licence of each package inside it', () => {
    const text = readFileSync(path.join(installed, 'THIRD-PARTY.md'), 'utf8');
    for (const name of ['libp2p', 'node-llama-cpp', 'pino', 'yaml'])
      expect(text.includes(`\n## ${name} `), name).toBe(true);
    expect(text).not.toContain('(undefined)');
  });

  it(`weighs at most ${MOST_INSTALLED_MB} MB`, () => {
    const modules = path.join(installed, 'node_modules');
    const packages = globSync(['[!@]*', '@*/*'], {cwd: modules}).map((name) => ({
      name,
      bytes: bytesIn(path.join(modules, name)),
    }));
    const total = bytesIn(installed);
    const own = total - packages.reduce((sum, {bytes}) => sum + bytes, 0);
    const rows = [{name: 'quiver itself', bytes: own}, ...packages].sort((a, b) => b.bytes - a.bytes).slice(0, 10);
    const table = rows.map(({name, bytes}) => `${(bytes / MB).toFixed(1).padStart(7)} MB  ${name}`);
    console.log([`${(total / MB).toFixed(1).padStart(7)} MB  installed, of which`, ...table].join('\n'));
    expect(total / MB).toBeLessThanOrEqual(MOST_INSTALLED_MB);
  });

  it('runs', async () => {
    await using home = await temporaryHome();
    const script = path.join(installed, 'bin', 'run.js');
    const options = {script, cwd: home.home, env: home.env};
    const {version} = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as {version: string};
    expect((await runQuiver(['--version'], options)).stdout).toContain(`@quiver-network/quiver/${version} `);
    expect((await runQuiver(['--help'], options)).stdout).toContain('$ quiver [COMMAND]');
    expect(await runQuiver(['config', 'show', '--json'], options)).toMatchObject({code: 0, stderr: ''});
  });

  it('is a library, with types for it and for plugins', async () => {
    const use = `import {createClient, QuiverError} from '@quiver-network/quiver';
import type {BackendsHook} from '@quiver-network/quiver/plugin';
const hook: BackendsHook = async () => [];
console.log(typeof createClient, typeof QuiverError, hook.length);
`;
    const consumer = path.join(folder, 'consumer');
    mkdirSync(path.join(consumer, 'node_modules', '@quiver-network'), {recursive: true});
    symlinkSync(installed, path.join(consumer, 'node_modules', '@quiver-network', 'quiver'));
    writeFileSync(path.join(consumer, 'package.json'), '{"type": "module"}');
    writeFileSync(path.join(consumer, 'use.ts'), use);
    writeFileSync(path.join(consumer, 'misuse.ts'), use.replace('[];', '[{}];'));
    const options = ['--noEmit', '--strict', '--module', 'nodenext', '--skipLibCheck', '--types', 'node'];
    const tsc = (file: string) =>
      run(path.join(ROOT, 'node_modules', '.bin', 'tsc'), [...options, '--typeRoots', TYPE_ROOTS, file], {
        cwd: consumer,
      });
    await tsc('use.ts');
    await expect(tsc('misuse.ts')).rejects.toMatchObject({stdout: expect.stringContaining('Backend') as string});
    const {stdout} = await run(process.execPath, ['use.ts'], {cwd: consumer});
    expect(stdout).toBe('function function 0\n');
  });

  it('brings up a network that answers, with engine, transports and keys from its own files', async () => {
    await using home = await temporaryHome();
    const options = {script: path.join(installed, 'bin', 'run.js'), cwd: home.home, env: home.env, timeoutMs: 60_000};
    const {code, stdout, stderr} = await runQuiver(['up', '--once', '--ask', 'What is a relay node?'], options);
    expect({code, stderr}).toEqual({code: 0, stderr: expect.stringContaining('The receipt is valid') as string});
    expect(stdout).toContain('ready: inference.provider');
    expect(stdout).toMatch(/relay/i);
  });

  it('starts a node with every transport', async () => {
    await using home = await temporaryHome();
    const ports = ['--port', '0', '--quic-port', '0', '--ws-port', '0', '--webrtc-port', '0', '--admin-port', '0'];
    const child = spawnQuiver(['relay', 'start', '--json', ...ports], {
      script: path.join(installed, 'bin', 'run.js'),
      cwd: home.home,
      env: home.env,
    });
    const ready = await waitForLine(child, (line) => line.includes('"ready"'));
    const ended = collect(child, 15_000);
    child.kill('SIGTERM');
    for (const transport of ['/tcp/', '/quic-v1', '/ws', '/webrtc-direct']) expect(ready).toContain(transport);
    expect(await ended).toMatchObject({code: 0});
  });
});
