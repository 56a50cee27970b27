// bin/run.js under the Node that came with the machine: it hands over to the pinned one and mirrors how that ends.
import {execFileSync, spawn} from 'node:child_process';
import {cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';

import {afterAll, beforeAll, describe, expect, it} from 'vitest';

import {collect, ROOT, RUN_JS, runQuiver, spawnQuiver, temporaryHome, waitForLine} from '../support/quiver.ts';

const PINNED_NODE = path.join(ROOT, 'node_modules', '.bin', 'node');
/** A checkout of the smallest kind: the real bin/run.js, real oclif, and a command that reports what reaches it. */
const PROBE = `import {Command} from '@oclif/core';
export default class Probe extends Command {
  static strict = false;
  async run() {
    const {argv} = await this.parse(Probe);
    if (argv[0] === 'exit') this.exit(Number(argv[1]));
    if (argv[0] === 'die') process.kill(process.pid, argv[1]);
    if (argv[0] === 'node') return this.log(process.versions.node + ' ' + JSON.stringify(process.env.QUIVER_HANDED_OVER ?? null));
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
      process.on(signal, () => { console.log(signal); setTimeout(() => process.exit(7), 500); });
    }
    setInterval(() => {}, 1000);
    console.log('ready ' + process.pid);
    await new Promise(() => {});
  }
}
`;

let checkout: string;
let script: string;
const oldNode = findOldNode();

/** Any Node below 24 that the machine has; the stock one on Debian is. */
function findOldNode(): string | undefined {
  const folders = (process.env['PATH'] ?? '')
    .split(path.delimiter)
    .filter((folder) => !folder.includes('node_modules'));
  return folders
    .map((folder) => path.join(folder, 'node'))
    .find((file) => existsSync(file) && Number(execFileSync(file, ['-p', 'parseInt(process.versions.node)'])) < 24);
}

beforeAll(() => {
  checkout = mkdtempSync(path.join(tmpdir(), 'q-run-'));
  script = path.join(checkout, 'bin', 'run.js');
  cpSync(path.join(ROOT, 'bin'), path.join(checkout, 'bin'), {recursive: true});
  mkdirSync(path.join(checkout, 'dist', 'commands'), {recursive: true});
  writeFileSync(path.join(checkout, 'dist', 'commands', 'probe.js'), PROBE);
  const oclif = {bin: 'quiver', dirname: 'quiver', commands: {strategy: 'pattern', target: './dist/commands'}};
  const pjson = {name: 'probe', version: '1.0.0', type: 'module', oclif, dependencies: {}};
  writeFileSync(path.join(checkout, 'package.json'), JSON.stringify(pjson));
  symlinkSync(path.join(ROOT, 'node_modules'), path.join(checkout, 'node_modules'));
});

afterAll(() => rmSync(checkout, {recursive: true, force: true}));

describe.skipIf(oldNode === undefined && process.env['CI'] !== 'true')(
  'bin/run.js on an older Node (needs one on the PATH: apt-get install nodejs)',
  () => {
    const node = oldNode ?? 'an older Node, e.g. the one of Debian (apt-get install nodejs)';
    const start = (...args: string[]) => spawnQuiver(['probe', ...args], {node, script, cwd: checkout});

    it('hands over to the Node of the checkout and leaves no mark for children', async () => {
      const {code, stdout} = await collect(start('node'), 10_000);
      expect({code, stdout}).toEqual({
        code: 0,
        stdout: `${execFileSync(PINNED_NODE, ['-p', 'process.versions.node']).toString().trim()} null\n`,
      });
    });

    it('mirrors exit codes', async () => {
      expect(await collect(start('exit', '3'), 10_000)).toMatchObject({code: 3, signal: null});
    });

    it('mirrors death by a signal', async () => {
      expect(await collect(start('die', 'SIGKILL'), 10_000)).toMatchObject({code: null, signal: 'SIGKILL'});
    });

    it.each(['SIGTERM', 'SIGHUP', 'SIGINT'] as const)('forwards %s', async (signal) => {
      const child = start();
      await waitForLine(child, (line) => line.startsWith('ready'));
      const ended = collect(child, 10_000);
      child.kill(signal);
      expect(await ended).toMatchObject({code: 7, stdout: `${signal}\n`});
    });

    it('ends the child when the parent is killed', async () => {
      const child = start();
      await waitForLine(child, (line) => line.startsWith('ready'));
      const ended = collect(child, 10_000);
      child.kill('SIGKILL');
      // The pipe closes when the child ends too; what it got was a chance to stop in order.
      expect(await ended).toMatchObject({signal: 'SIGKILL', stdout: 'SIGTERM\n'});
    });

    it('says which Node is needed where there is none to hand over to', async () => {
      rmSync(path.join(checkout, 'node_modules'));
      try {
        const {code, stderr} = await runQuiver(['probe'], {node, script, cwd: checkout});
        expect({code, stderr}).toEqual({
          code: 1,
          stderr: expect.stringMatching(
            /^Error: quiver needs Node 24\.15 or newer; this is \d+\.\d+\.\d+\.\nTry: /,
          ) as string,
        });
      } finally {
        symlinkSync(path.join(ROOT, 'node_modules'), path.join(checkout, 'node_modules'));
      }
    });
  },
);

describe.skipIf(!existsSync('/usr/bin/script') && process.env['CI'] !== 'true')(
  'Ctrl-C in a terminal (needs `script`: apt-get install bsdutils)',
  () => {
    // With an older Node two processes get the signal, the child from both the terminal and its parent.
    it.each([oldNode, process.execPath].filter((node) => node !== undefined))('counts once on %s', async (node) => {
      await using home = await temporaryHome();
      const ports = '--port 0 --quic-port off --ws-port off --webrtc-port off --admin-port 0';
      // `exec`: Ctrl-C reaches the shell too that `script` starts (SHELL, else sh), and some stay and end with 130.
      const command = `exec ${node} ${RUN_JS} relay start ${ports}`;
      const child = spawn('script', ['-qec', command, '/dev/null'], {env: home.env});
      await waitForLine(child, (line) => line.includes('ready: '));
      const ended = collect(child, 15_000);
      child.stdin.write('\u0003');
      const {code, stdout} = await ended;
      expect({code, notes: stdout.match(/Stopping;/g)}).toEqual({code: 0, notes: ['Stopping;']});
    });
  },
);

describe('bin/run.js', () => {
  it('takes an unknown command for wrong usage', async () => {
    expect(await runQuiver(['prob'], {script, cwd: checkout})).toMatchObject({code: 2, stdout: ''});
  });

  it('says how to build a checkout that is not built', async () => {
    const dist = path.join(checkout, 'dist');
    cpSync(dist, `${dist}.away`, {recursive: true});
    rmSync(dist, {recursive: true});
    try {
      const {code, stderr} = await runQuiver([], {script, cwd: checkout});
      expect({code, stderr}).toEqual({code: 1, stderr: 'Error: quiver is not built yet.\nTry: npm run build\n'});
    } finally {
      cpSync(`${dist}.away`, dist, {recursive: true});
    }
  });

  it('ends when the shell is killed in which npx started it', async () => {
    // The second command keeps the shell from becoming the first.
    const child = spawn('sh', ['-c', `${process.execPath} ${script} probe; true`], {
      cwd: checkout,
      env: {...process.env, npm_command: 'exec'},
    });
    await waitForLine(child, (line) => line.startsWith('ready'));
    const ended = collect(child, 10_000);
    child.kill('SIGTERM');
    expect(await ended).toMatchObject({signal: 'SIGTERM', stdout: 'SIGTERM\n'});
  });

  it('works through a link, as npm installs it', async () => {
    const link = path.join(checkout, 'quiver');
    symlinkSync(script, link);
    const child = spawn(link, ['probe', 'node'], {
      env: {...process.env, PATH: `${path.dirname(PINNED_NODE)}:${process.env['PATH']}`},
    });
    expect(await collect(child, 10_000)).toMatchObject({code: 0});
  });
});

it('says nothing when its reader leaves early', async () => {
  const child = spawnQuiver(['--help']);
  child.stdout?.destroy();
  expect(await collect(child, 10_000)).toMatchObject({code: 0, stderr: ''});
});
