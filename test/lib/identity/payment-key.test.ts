import {readFileSync, statSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';

import {expect, it} from 'vitest';

import {loadOrCreatePaymentKey, loadPaymentKey} from '../../../src/lib/identity/payment-key.ts';
import {temporaryFolder} from '../../support/temporary-folder.ts';

function fileWith(content: string): string {
  const path = join(temporaryFolder(), 'x.payment.key');
  writeFileSync(path, content, {mode: 0o600});
  return path;
}

it('keeps a key across restarts as 32 bytes in hex, for its owner only', async () => {
  const path = join(temporaryFolder(), 'identities', 'x.payment.key');
  const {address} = await loadOrCreatePaymentKey(path);
  expect((await loadOrCreatePaymentKey(path)).address).toBe(address);
  expect(readFileSync(path, 'utf8')).toMatch(/^[0-9a-f]{64}\n$/);
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

it('takes a key as wallets export it', async () => {
  // The first account of the mnemonic that Hardhat and Foundry document for their test chains.
  const secret = 'ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80';
  const address = '0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266';
  for (const content of [`0x${secret}`, secret.toUpperCase(), `${secret}\n\n`]) {
    expect((await loadPaymentKey(fileWith(content)))?.address).toBe(address);
  }
});

it.each([
  ['empty', ''],
  ['too short', 'ab'.repeat(31)],
  ['not hex', 'zz'.repeat(32)],
  ['zero', '00'.repeat(32)],
  ['above the order of the curve', 'ff'.repeat(32)],
])('refuses a damaged file without showing what is in it: %s', async (_name, content) => {
  const path = fileWith(content);
  const error: unknown = await loadOrCreatePaymentKey(path).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({code: 'IDENTITY_DAMAGED'});
  if (content !== '') expect(String(error)).not.toContain(content);
  expect(readFileSync(path, 'utf8')).toBe(content);
});
