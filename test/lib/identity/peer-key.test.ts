import {spawn} from 'node:child_process';
import {chmodSync, mkdirSync, readFileSync, readdirSync, statSync, symlinkSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {text} from 'node:stream/consumers';

import {generateKeyPair, privateKeyToProtobuf} from '@libp2p/crypto/keys';
import {describe, expect, it} from 'vitest';

import {loadOrCreatePeerKey, loadPeerKey} from '../../../src/lib/identity/peer-key.ts';
import {temporaryFolder} from '../../support/temporary-folder.ts';

const MODULE = join(import.meta.dirname, '../../../src/lib/identity/peer-key.ts');

it('keeps an Ed25519 key across restarts, for its owner only', async () => {
  const path = join(temporaryFolder(), 'identities', 'provider.key');
  const first = await loadOrCreatePeerKey(path);
  const second = await loadOrCreatePeerKey(path);
  expect(first.type).toBe('Ed25519');
  expect(second.equals(first)).toBe(true);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readdirSync(join(path, '..'))).toEqual(['provider.key']);
});

it('gives undefined, and makes nothing, where there is no file', async () => {
  const folder = temporaryFolder();
  expect(await loadPeerKey(join(folder, 'none.key'))).toBeUndefined();
  expect(readdirSync(folder)).toEqual([]);
});

it('ends with one key when processes race for the first start', async () => {
  const path = join(temporaryFolder(), 'race.key');
  const script = `
    const {loadOrCreatePeerKey} = await import(${JSON.stringify(MODULE)});
    console.log((await loadOrCreatePeerKey(${JSON.stringify(path)})).publicKey.toString());`;
  const peerIds = await Promise.all(
    Array.from({length: 4}, () => {
      const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      return text(child.stdout);
    }),
  );
  const own = await loadOrCreatePeerKey(path);
  expect(new Set(peerIds)).toEqual(new Set([`${own.publicKey.toString()}\n`]));
});

describe('a file that can not be used is an error with a fix, and stays as it is', () => {
  async function damaged(change: (bytes: Buffer) => Uint8Array): Promise<void> {
    const path = join(temporaryFolder(), 'x.key');
    await loadOrCreatePeerKey(path);
    const bad = change(readFileSync(path));
    writeFileSync(path, bad);
    await expect(loadOrCreatePeerKey(path)).rejects.toMatchObject({
      code: 'IDENTITY_DAMAGED',
      fix: expect.stringContaining(`mv '${path}'`),
    });
    expect(readFileSync(path).equals(bad)).toBe(true);
  }

  it('empty', () => damaged(() => Buffer.alloc(0)));
  it('cut short', () => damaged((bytes) => bytes.subarray(0, 40)));
  it('something else', () => damaged(() => Buffer.from('hello world')));
  it('far too long', () => damaged(() => Buffer.alloc(100_000)));
  it('one bit flipped in the secret half', () =>
    damaged((bytes) => {
      bytes[10] = bytes[10]! ^ 1;
      return bytes;
    }));
  it('one bit flipped in the public half', () =>
    damaged((bytes) => {
      bytes[60] = bytes[60]! ^ 1;
      return bytes;
    }));
  it('a key of another kind', async () => {
    const other = privateKeyToProtobuf(await generateKeyPair('secp256k1'));
    await damaged(() => other);
  });

  it('open to others', async () => {
    const path = join(temporaryFolder(), 'x.key');
    await loadOrCreatePeerKey(path);
    for (const mode of [0o640, 0o604, 0o620, 0o666]) {
      chmodSync(path, mode);
      await expect(loadOrCreatePeerKey(path)).rejects.toMatchObject({
        code: 'IDENTITY_TOO_OPEN',
        fix: `chmod 600 '${path}'`,
      });
    }
  });

  it('a folder', async () => {
    const path = join(temporaryFolder(), 'x.key');
    mkdirSync(path, {mode: 0o700});
    await expect(loadOrCreatePeerKey(path)).rejects.toMatchObject({code: 'IDENTITY_DAMAGED'});
  });

  it('a link in a circle', async () => {
    const path = join(temporaryFolder(), 'x.key');
    symlinkSync(path, path);
    const error = await loadOrCreatePeerKey(path).catch((thrown: {code: string; fix: string}) => thrown);
    expect(error).toMatchObject({code: 'FILE_KIND', fix: `ls -ld '${path}'`});
  });
});
