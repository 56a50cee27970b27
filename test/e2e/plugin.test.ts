// A plugin as a stranger would write it (examples/plugin-sample): packed, installed without a registry, and used.
import {execFile} from 'node:child_process';
import {readFileSync} from 'node:fs';
import path from 'node:path';
import {promisify} from 'node:util';

import {Config} from '@oclif/core';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';

import {collectPluginBackends} from '../../src/lib/cli/plugins.ts';
import {ROOT, runQuiver, temporaryHome} from '../support/quiver.ts';

const run = promisify(execFile);
let home: Awaited<ReturnType<typeof temporaryHome>>;
let tarball: string;
const quiver = (...args: string[]) => runQuiver(args, {env: home.env, cwd: home.home, timeoutMs: 60_000});

beforeAll(async () => {
  home = await temporaryHome();
  // The sample has no dependencies: with npm offline nothing but its own tarball can have been used.
  home.env['npm_config_offline'] = 'true';
  const sample = path.join(ROOT, 'examples', 'plugin-sample');
  await run('npm', ['pack', sample, '--pack-destination', home.home], {cwd: home.home, env: home.env});
  const {version} = JSON.parse(readFileSync(path.join(sample, 'package.json'), 'utf8')) as {version: string};
  tarball = path.join(home.home, `quiver-plugin-sample-${version}.tgz`);
  expect(await quiver('plugins', 'install', `file:${tarball}`)).toMatchObject({code: 0});
}, 120_000);

afterAll(() => home[Symbol.asyncDispose]());

/** The configuration of the installed program, with the plugins of the temporary home. */
async function loadConfig(): Promise<Config> {
  process.env['QUIVER_DATA_DIR'] = path.join(home.home, 'data');
  try {
    return await Config.load({root: ROOT, enablePerf: false});
  } finally {
    delete process.env['QUIVER_DATA_DIR'];
  }
}

describe('a plugin', () => {
  it('is listed', async () => {
    expect((await quiver('plugins')).stdout).toContain('quiver-plugin-sample 1.0.0');
  });

  it('adds a command, in help too', async () => {
    expect(await quiver('sample', 'hello', 'Ada')).toMatchObject({
      code: 0,
      stdout: 'hello Ada, says a plugin of quiver\n',
    });
    expect((await quiver('--help')).stdout).toContain('Commands of the sample plugin');
  });

  it('adds a back end', async () => {
    const [backend, ...others] = await collectPluginBackends(await loadConfig());
    expect(others).toEqual([]);
    const {signal} = new AbortController();
    expect(await backend!.models(signal)).toEqual([{name: 'echo', contextTokens: 4096}]);
    const messages = [{role: 'user', content: 'one two three'}] as const;
    const events = await Array.fromAsync(
      backend!.chat({model: 'echo', messages, maxTokens: 2, temperature: 0}, signal),
    );
    expect(events).toEqual([
      {type: 'delta', text: 'one ', tokens: 1},
      {type: 'delta', text: 'two ', tokens: 1},
      {type: 'end', finish: 'length', usage: {promptTokens: 3, completionTokens: 2, cachedTokens: 0}},
    ]);
  });

  it('adds a DNS provider, which takes plans as any other', async () => {
    const about = ['--zone', 'quiver.example', '--host', '203.0.113.10', '--provider', 'sample-dns'];
    const plan = await quiver('dns', 'plan', ...about, '--json');
    expect(plan.code).toBe(3);
    const {checksum, provider} = JSON.parse(plan.stdout) as {checksum: string; provider: string};
    expect(provider).toBe('sample-dns');
    expect(await quiver('dns', 'apply', ...about, '--plan', checksum)).toMatchObject({code: 0});
    expect(await quiver('dns', 'plan', ...about)).toMatchObject({code: 0});
    const zones = JSON.parse(readFileSync(path.join(home.home, 'sample-dns.json'), 'utf8')) as Record<string, object[]>;
    expect(zones['quiver.example']).toContainEqual(
      expect.objectContaining({name: 'gateway.quiver.example', type: 'A', values: ['203.0.113.10']}),
    );
    const unknown = await quiver('dns', 'plan', ...about.slice(0, -1), 'nobody');
    expect(unknown).toMatchObject({code: 2, stderr: expect.stringContaining('sample-dns') as string});
  });

  it('that fails is named, with the way to be rid of it', async () => {
    const config = await loadConfig();
    const hook = {target: path.join(ROOT, 'test', 'fixtures', 'no-such-hook.js'), identifier: 'default'};
    config.plugins.get('quiver-plugin-sample')!.hooks['backends'] = [hook];
    await expect(collectPluginBackends(config)).rejects.toMatchObject({
      code: 'PLUGIN_FAILED',
      fix: 'quiver plugins uninstall quiver-plugin-sample',
    });
  });

  it('can be removed', async () => {
    expect(await quiver('plugins', 'uninstall', 'quiver-plugin-sample')).toMatchObject({code: 0});
    expect(await quiver('sample', 'hello')).toMatchObject({code: 2});
  });
});

describe('autocomplete', () => {
  it.each(['bash', 'zsh'])('makes a script for %s that knows the commands', async (shell) => {
    expect(await quiver('autocomplete', shell, '--refresh-cache')).toMatchObject({code: 0});
    const file = {bash: 'bash/quiver.bash', zsh: 'zsh/_quiver'}[shell]!;
    const script = readFileSync(path.join(home.home, 'cache', 'autocomplete', 'functions', file), 'utf8');
    for (const word of ['receipts', 'config']) expect(script).toContain(word);
  });
});
