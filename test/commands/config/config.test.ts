import {mkdirSync, readFileSync, statSync, writeFileSync} from 'node:fs';
import path from 'node:path';

import {expect, it} from 'vitest';

import {runQuiver, temporaryHome, type RunResult} from '../../support/quiver.ts';

/** Runs in a project folder below a home of its own. */
async function workplace(): Promise<{
  project: string;
  user: string;
  run: (args: string, options?: {env?: NodeJS.ProcessEnv; input?: string}) => Promise<RunResult>;
  [Symbol.asyncDispose]: () => PromiseLike<void>;
}> {
  const home = await temporaryHome();
  const cwd = path.join(home.home, 'project');
  mkdirSync(cwd);
  return {
    project: path.join(cwd, 'quiver.yaml'),
    user: path.join(home.home, 'config', 'config.yaml'),
    run: (args, {env = {}, input = ''} = {}) =>
      runQuiver(['config', ...args.split(' ')], {cwd, env: {...home.env, ...env}, input}),
    [Symbol.asyncDispose]: () => home[Symbol.asyncDispose](),
  };
}

it('show prints every setting with its origin, secrets masked', async () => {
  await using at = await workplace();
  writeFileSync(at.project, 'relay:\n  port: 4011\n');
  const env = {QUIVER_PROVIDER_BACKEND_API_KEY: 'canary', QUIVER_PROVIDER_BACKENDS: 'http://u:canary@gpu:1'};
  const [text, json] = await Promise.all([at.run('show', {env}), at.run('show --json', {env})]);
  expect(text.stdout).toMatch(/^KEY +VALUE +ORIGIN\nprofile +local +default\n/);
  expect(text.stdout).toMatch(/\nrelay\.port +4011 +project: .*quiver\.yaml:2\n/);
  expect(text.stdout).toMatch(/\nprovider\.backend_api_key +\*{8} +environment: QUIVER_PROVIDER_BACKEND_API_KEY\n/);
  const {settings} = JSON.parse(json.stdout) as {settings: {key: string}[]};
  expect(settings).toContainEqual({key: 'relay.region', value: null, origin: {layer: 'default', where: ''}});
  expect(JSON.stringify([text, json])).not.toContain('canary');
});

it('get prints a value alone on stdout, one item of a list a line', async () => {
  await using at = await workplace();
  const env = {QUIVER_NETWORK_BOOTSTRAP_NODES: 'a.example:1,b.example:2'};
  const [list, unset, unsetJson, wrong] = await Promise.all([
    at.run('get network.bootstrap_nodes', {env}),
    at.run('get relay.region'),
    at.run('get relay.region --json'),
    at.run('get relay.prot'),
  ]);
  expect(list).toMatchObject({code: 0, stdout: 'a.example:1\nb.example:2\n'});
  expect(unset).toMatchObject({code: 0, stdout: ''});
  expect(JSON.parse(unsetJson.stdout)).toMatchObject({key: 'relay.region', value: null});
  expect(wrong).toMatchObject({code: 2, stderr: expect.stringContaining('Did you mean relay.port?')});
});

it('set writes the user file or the project file, and says what still wins', async () => {
  await using at = await workplace();
  expect(await at.run('set relay.port 4012')).toMatchObject({code: 0, stdout: ''});
  expect(readFileSync(at.user, 'utf8')).toBe('relay:\n  port: 4012\n');
  expect(statSync(at.user).mode & 0o777).toBe(0o600);

  writeFileSync(at.project, '# ours\nrelay: # here\n  port: 1\n');
  await at.run('set relay.port 4013 --project');
  expect(readFileSync(at.project, 'utf8')).toBe('# ours\nrelay: # here\n  port: 4013\n');

  const shadowed = await at.run('set relay.port 4014');
  expect(shadowed.stderr).toMatch(/But project: .*quiver\.yaml:3 says 4013, and wins\./);
});

it('set refuses a wrong value before it writes, and a secret on the command line', async () => {
  await using at = await workplace();
  const [wrong, secret] = await Promise.all([
    at.run('set relay.port 70000'),
    at.run('set provider.backend_api_key canary'),
  ]);
  expect(wrong).toMatchObject({code: 2, stderr: expect.stringContaining('a port from 1 to 65535')});
  expect(secret).toMatchObject({code: 2, stderr: expect.stringContaining('- < FILE')});
  expect(() => statSync(at.user)).toThrow('ENOENT');
  const piped = await at.run('set provider.backend_api_key - --json', {input: 'canary\n'});
  expect(piped.code).toBe(0);
  expect(readFileSync(at.user, 'utf8')).toContain('canary');
  expect(JSON.stringify([wrong, secret, piped])).not.toContain('"canary');
  expect(piped.stdout + piped.stderr).not.toContain('canary');
});

it('path names the files, and --config another project file', async () => {
  await using at = await workplace();
  const paths = JSON.parse((await at.run('path --config other.yaml --json')).stdout) as Record<string, string>;
  expect(paths['user']).toBe(at.user);
  expect(paths['project']).toBe(path.join(path.dirname(at.project), 'other.yaml'));
});

it('a broken file stops every command that needs settings, and names the place', async () => {
  await using at = await workplace();
  writeFileSync(at.project, 'relay:\n  prot: 1\n');
  expect(await at.run('show --json')).toMatchObject({
    code: 2,
    stdout: expect.stringContaining('quiver.yaml:2: there is'),
  });
});

it('extra words and unknown subcommands end with 2', async () => {
  await using at = await workplace();
  const [extra, unknown] = await Promise.all([at.run('show extra'), at.run('shwo')]);
  expect([extra.code, unknown.code]).toEqual([2, 2]);
});

it('set does not write a network that is not there', async () => {
  await using at = await workplace();
  expect(await at.run('set profile nosuch')).toMatchObject({code: 2, stderr: expect.stringContaining('nosuch')});
  expect((await at.run('get profile')).stdout).toBe('local\n');
});
