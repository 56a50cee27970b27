// What every command inherits, seen from outside through a command that does what it is told.
import {spawn} from 'node:child_process';
import {open} from 'node:fs/promises';
import path from 'node:path';

import {describe, expect, it} from 'vitest';

import {
  collect,
  ROOT,
  runQuiver,
  spawnQuiver,
  temporaryHome,
  waitForLine,
  type RunResult,
} from '../../support/quiver.ts';

const PROBE = path.join(ROOT, 'test', 'support', 'probe-command.ts');

async function probe(args: string, env: NodeJS.ProcessEnv = {}, input = ''): Promise<RunResult> {
  await using home = await temporaryHome();
  return await runQuiver(args.split(' '), {script: PROBE, cwd: home.home, env: {...home.env, ...env}, input});
}

describe('--json', () => {
  it('writes a bigint as a decimal string, on one line in a pipe', async () => {
    const {stdout, code} = await probe('bigint --json');
    expect(stdout).toBe('{"wei":"1180591620717411303424","nested":[{"amount":"1"}]}\n');
    expect(code).toBe(0);
  });

  it('of an error is code, message and fix, and nothing that hangs on it', async () => {
    const [refused, bug] = await Promise.all([probe('refuse --json'), probe('bug --json')]);
    expect(JSON.parse(refused.stdout)).toEqual({code: 'NO', message: 'x'.repeat(200), fix: 'ask nicely'});
    expect(refused.code).toBe(4);
    expect(Object.keys(JSON.parse(bug.stdout) as object)).toEqual(['code', 'message', 'fix']);
    expect(bug).toMatchObject({code: 1, stderr: ''});
    expect(JSON.stringify([refused, bug])).not.toContain('canary');
  });

  it('stays one object a line when an error ends a stream of events', async () => {
    const {stdout} = await probe('events --json');
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    expect(lines).toEqual([
      {event: 'token', text: 'a'},
      {code: 'CUT', message: 'cut off', fix: 'again'},
    ]);
  });
});

describe('streams', () => {
  it('stdout has the result, stderr the talk', async () => {
    const [plain, quiet, json] = await Promise.all([probe('talk'), probe('talk -q'), probe('talk --json')]);
    expect(plain).toMatchObject({stdout: 'the result\n', stderr: 'a note\n'});
    expect(quiet).toMatchObject({stdout: 'the result\n', stderr: ''});
    expect(json).toMatchObject({stdout: '{"interactive":false}\n', stderr: ''});
  });

  it('a full disk behind stdout is an error with a fix, not a stack', async () => {
    await using home = await temporaryHome();
    await using full = await open('/dev/full', 'w');
    const child = spawn(process.execPath, [PROBE, 'talk'], {
      cwd: home.home,
      env: home.env,
      stdio: ['ignore', full.fd, 'pipe'],
    });
    const {stderr, code} = await collect(child, 30_000);
    expect(stderr).toBe(
      'a note\nError: The output cannot be written (ENOSPC)\n' +
        'Try: df -h   (then free some space where the output goes, and run it again)\n',
    );
    expect(code).toBe(1);
  });

  it('errors are not wrapped, so that a fix can be pasted', async () => {
    const {stderr, stdout} = await probe('refuse', {OCLIF_COLUMNS: '40'});
    expect(stderr).toBe(`Error: ${'x'.repeat(200)}\nTry: ask nicely\n`);
    expect(stdout).toBe('');
  });

  it('a bug shows its stack, without passwords', async () => {
    const {stderr, code} = await probe('bug');
    expect(stderr).toMatch(/probe-command\.ts:\d+/);
    expect(stderr).toContain('This is a bug in quiver');
    expect(stderr).not.toContain('canary');
    expect(code).toBe(1);
  });

  it('an argument that was not given is never read from stdin', async () => {
    expect((await probe('word --json', {}, 'from stdin\n')).stdout).toBe('{"word":null}\n');
  });
});

describe('wrong usage ends with 2', () => {
  it.each([
    ['talk --nonsense', 'Nonexistent flag: --nonsense'],
    ['talk --log-level loud', 'Expected --log-level=loud to be one of'],
    ['talk --profile', 'Flag --profile expects a value'],
    ['talk --count 0', 'greater than or equal to 1'],
    ['talk --needs x', 'must be provided when using --needs'],
    ['talk one two', 'Unexpected argument: two'],
    ['settings --port high', '--port: "high" is not allowed for relay.port'],
    ['settings --profile nowhere', 'no network profile "nowhere"'],
  ])('%s', async (args, message) => {
    const {code, stderr, stdout} = await probe(args);
    expect(stderr).toContain(message);
    expect(stderr).toMatch(/^Error: [^]*\nTry: /);
    expect({code, stdout}).toEqual({code: 2, stdout: ''});
  });

  it('also as JSON', async () => {
    const {code, stdout} = await probe('talk --nonsense --json');
    expect(JSON.parse(stdout)).toMatchObject({code: 'USAGE', fix: expect.stringContaining('--help')});
    expect(code).toBe(2);
  });
});

describe('settings', () => {
  it('flags are the strongest layer; --network means --profile', async () => {
    const args = 'settings --port 5 --bootstrap a.example:1 --bootstrap b.example:2 --no-dht --network amoy --json';
    const {stdout} = await probe(args, {QUIVER_RELAY_PORT: '6', QUIVER_LOG_LEVEL: 'warn', QUIVER_PROFILE: 'polygon'});
    expect(JSON.parse(stdout)).toEqual({
      'relay.port': {value: 5, layer: 'flag', where: '--port'},
      'network.bootstrap_nodes': {value: ['a.example:1', 'b.example:2'], layer: 'flag', where: '--bootstrap'},
      'network.enable_dht': {value: false, layer: 'flag', where: '--dht'},
      'log.level': {value: 'warn', layer: 'environment', where: 'QUIVER_LOG_LEVEL'},
      profile: {value: 'amoy', layer: 'flag', where: '--profile'},
    });
  });
});

describe('ends', () => {
  it('a check that found something has its own status', async () => {
    expect(await probe('pending --json')).toMatchObject({code: 3, stdout: '{"pending":true}\n'});
  });

  it('an error does not wait for what the command left open', async () => {
    expect((await probe('open-handle')).code).toBe(1);
  });

  it.each([
    ['hang', 'Error: Interrupted\nTry: Run it again to start over.\n'],
    ['returns', ''],
  ])('the first Ctrl-C cancels and ends with 130: %s', async (what, stderr) => {
    await using home = await temporaryHome();
    const child = spawnQuiver([what], {script: PROBE, env: home.env});
    const ended = collect(child, 15_000);
    await waitForLine(child, (line) => line === 'hanging');
    child.kill('SIGINT');
    expect(await ended).toMatchObject({code: 130, stderr});
  });

  it('a reader that goes away ends the command, and that is no failure', async () => {
    await using home = await temporaryHome();
    const child = spawnQuiver(['endless'], {script: PROBE, env: home.env});
    const ended = collect(child, 15_000);
    await waitForLine(child, (line) => line === 'line 3');
    child.stdout?.destroy();
    expect(await ended).toMatchObject({code: 0, stderr: ''});
  });

  it('a second one, not the echo of the first, quits what does not listen', async () => {
    await using home = await temporaryHome();
    const child = spawnQuiver(['stubborn'], {script: PROBE, env: home.env});
    const ended = collect(child, 15_000);
    await waitForLine(child, (line) => line === 'hanging');
    child.kill('SIGINT');
    child.kill('SIGINT');
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(child.exitCode).toBeNull();
    child.kill('SIGINT');
    expect(await ended).toMatchObject({code: 130, stderr: 'asked\n'});
  });
});
