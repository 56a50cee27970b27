import {readFileSync, statSync} from 'node:fs';
import {join} from 'node:path';

import {expect, it} from 'vitest';

import {backUpKeys, createIdentity, readIdentity, type IdentityFiles} from '../../../src/lib/identity/identities.ts';
import {temporaryFolder} from '../../support/temporary-folder.ts';

function files(service: string, folder = temporaryFolder()): Required<IdentityFiles> {
  return {service, peerKey: join(folder, `${service}.key`), paymentKey: join(folder, `${service}.payment.key`)};
}

it('makes both keys once', async () => {
  const provider = files('provider');
  expect(await readIdentity(provider)).toBeUndefined();
  const {created, ...identity} = await createIdentity(provider);
  expect(created).toBe(true);
  expect(identity.peerId).toMatch(/^12D3KooW/);
  expect(await createIdentity(provider)).toEqual({...identity, created: false});
  expect(await readIdentity(provider)).toEqual(identity);
});

it('knows a service that has a peer key alone', async () => {
  const {service, peerKey} = files('relay');
  const {created, ...relay} = await createIdentity({service, peerKey});
  expect(relay).toMatchObject({service: 'relay', paymentAddress: undefined});
  expect(created).toBe(true);
  expect(await readIdentity({service, peerKey})).toEqual(relay);
  expect(await backUpKeys([{service, peerKey}], temporaryFolder())).toHaveLength(1);
});

it('makes the payment key that a service lacks', async () => {
  const {service, peerKey, paymentKey} = files('provider');
  const {peerId} = await createIdentity({service, peerKey});
  expect(await createIdentity({service, peerKey, paymentKey})).toMatchObject({
    peerId,
    created: true,
    paymentAddress: expect.stringMatching(/^0x/),
  });
});

it('copies keys that can be copied back, and overwrites nothing', async () => {
  const folder = temporaryFolder();
  const provider = files('provider', folder);
  const identity = await createIdentity(provider);
  const backup = join(folder, 'backup');
  const copies = await backUpKeys([provider, files('relay', folder)], backup);
  expect(copies).toEqual([join(backup, 'provider.key'), join(backup, 'provider.payment.key')]);
  for (const copy of copies) expect(statSync(copy).mode & 0o777).toBe(0o600);
  expect(await readIdentity(files('provider', backup))).toMatchObject({peerId: identity.peerId});

  const before = readFileSync(copies[0]!);
  const other = files('provider');
  await createIdentity(other);
  await expect(backUpKeys([other], backup)).rejects.toMatchObject({code: 'BACKUP_EXISTS'});
  expect(readFileSync(copies[0]!).equals(before)).toBe(true);
});

it('says so when there is nothing to copy', async () => {
  await expect(backUpKeys([files('relay')], temporaryFolder())).rejects.toMatchObject({
    code: 'NO_IDENTITY',
    fix: 'quiver identity create relay',
  });
});
