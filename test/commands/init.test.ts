import {readFileSync} from 'node:fs';
import path from 'node:path';

import {expect, it} from 'vitest';

import {runQuiver, temporaryHome} from '../support/quiver.ts';

it('writes a quiver.yaml by flags alone, which the other commands then read', async () => {
  await using home = await temporaryHome();
  const options = {env: home.env, cwd: home.home};
  const made = await runQuiver(['init', '--role', 'relay', '--port', '4011', '--region', 'eu-west', '--json'], options);
  const file = path.join(home.home, 'quiver.yaml');
  expect(JSON.parse(made.stdout)).toMatchObject({file, role: 'relay'});
  expect(readFileSync(file, 'utf8')).toMatch(/profile: local\nrelay:\n {2}port: 4011\n {2}region: eu-west\n$/);
  expect((await runQuiver(['config', 'get', 'relay.region'], options)).stdout).toBe('eu-west\n');

  const [again, forced] = await Promise.all([
    runQuiver(['init', '--role', 'client'], options),
    runQuiver(['init', '--role', 'client', '--force', '--config', 'other.yaml'], options),
  ]);
  expect(again).toMatchObject({code: 1, stderr: expect.stringContaining('--force')});
  expect(forced).toMatchObject({code: 0, stdout: `${path.join(home.home, 'other.yaml')}\n`});
});

it('without a terminal asks nothing: it names the flag, and refuses a wrong answer', async () => {
  await using home = await temporaryHome();
  const options = {env: home.env, cwd: home.home};
  const [missing, wrong, role] = await Promise.all([
    runQuiver(['init'], options),
    runQuiver(['init', '--role', 'relay', '--port', 'high'], options),
    runQuiver(['init', '--role', 'miner'], options),
  ]);
  expect(missing).toMatchObject({code: 2, stderr: expect.stringContaining('--role provider|client|relay|bootstrap')});
  expect(wrong).toMatchObject({code: 2, stderr: expect.stringContaining('relay.port')});
  expect(role.code).toBe(2);
});
