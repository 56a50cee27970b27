import {chmodSync, readFileSync} from 'node:fs';
import path from 'node:path';

import {expect, it} from 'vitest';

import {runQuiver, temporaryHome} from '../../support/quiver.ts';

it('makes, shows and backs up keys without ever printing a secret', async () => {
  await using home = await temporaryHome();
  const run = (...args: string[]): ReturnType<typeof runQuiver> =>
    runQuiver(['identity', ...args], {env: home.env, cwd: home.home});

  const none = await run('show', '--json');
  expect(JSON.parse(none.stdout)).toEqual({identities: []});
  const created = await run('create', 'provider', '--json');
  const {peerId, paymentAddress, files} = JSON.parse(created.stdout) as {
    peerId: string;
    paymentAddress: string;
    files: {peerKey: string; paymentKey: string};
  };
  const shown = await run('show');
  expect(shown.stdout).toBe(
    `SERVICE   PEER ID                                               PAYMENT ADDRESS\nprovider  ${peerId}  ${paymentAddress}\n`,
  );
  const backup = await run('backup', '--out', 'keys');
  expect(backup.stdout).toBe(
    ['provider.key', 'provider.payment.key'].map((name) => `${path.join(home.home, 'keys', name)}\n`).join(''),
  );
  const again = await run('backup', '--out', 'keys', '--json');
  expect(again).toMatchObject({code: 1, stdout: expect.stringContaining('BACKUP_EXISTS')});

  const {peerKey: peerFile, paymentKey: paymentFile} = files;
  const secrets = [readFileSync(paymentFile, 'latin1').trim(), readFileSync(peerFile).subarray(4, 36).toString('hex')];
  const printed = JSON.stringify([none, created, shown, backup, again]).toLowerCase();
  for (const secret of secrets) expect(printed).not.toContain(secret);

  chmodSync(peerFile, 0o644);
  expect(await run('show')).toMatchObject({code: 1, stderr: expect.stringContaining(`chmod 600 '${peerFile}'`)});
});

it('wants to know which service, and knows only those that have keys', async () => {
  await using home = await temporaryHome();
  const [missing, unknown, noFolder] = await Promise.all([
    runQuiver(['identity', 'create'], {env: home.env}),
    runQuiver(['identity', 'create', 'oracle'], {env: home.env}),
    runQuiver(['identity', 'backup'], {env: home.env}),
  ]);
  expect([missing.code, unknown.code, noFolder.code]).toEqual([2, 2, 2]);
  expect(unknown.stderr).toContain('provider, client, bootstrap, relay');
});
