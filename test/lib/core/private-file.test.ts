import {chmod, chown, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';

import {afterEach, beforeEach, describe, expect, it} from 'vitest';

import {createPrivateFile, replaceFile} from '../../../src/lib/core/private-file.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'q-file-'));
});

afterEach(() => rm(folder, {recursive: true}));

async function mode(path: string): Promise<number> {
  return (await stat(path)).mode & 0o777;
}

describe('createPrivateFile', () => {
  it('makes the file and its folders for the owner only, whatever the umask', async () => {
    const path = join(folder, 'a', 'b.key');
    expect(await createPrivateFile(path, 'x')).toBe(true);
    expect(await mode(path)).toBe(0o600);
    expect(await mode(join(folder, 'a'))).toBe(0o700);
  });

  it('lets exactly one of many win and leaves nothing else behind', async () => {
    const path = join(folder, 'one.key');
    const wins = await Promise.all(Array.from({length: 20}, (_, n) => createPrivateFile(path, `writer ${n}`)));
    expect(wins.filter(Boolean)).toHaveLength(1);
    expect(await readFile(path, 'utf8')).toBe(`writer ${wins.indexOf(true)}`);
    expect(await readdir(folder)).toEqual(['one.key']);
  });
});

describe('replaceFile', () => {
  it('keeps the mode of a file and the link that leads to it', async () => {
    const target = join(folder, 'target.yaml');
    const linked = join(folder, 'link.yaml');
    await writeFile(target, 'old');
    await chmod(target, 0o640);
    await symlink(target, linked);
    await replaceFile(linked, 'new');
    expect(await readFile(target, 'utf8')).toBe('new');
    expect(await mode(target)).toBe(0o640);
    expect(await readdir(folder)).toEqual(['link.yaml', 'target.yaml']);
  });

  it.skipIf(process.getuid?.() !== 0)('leaves a file to its owner and group (only root gives files away)', async () => {
    const path = join(folder, 'zone');
    await writeFile(path, 'old');
    await chown(path, 12_345, 23_456);
    await replaceFile(path, 'new');
    expect(await stat(path)).toMatchObject({uid: 12_345, gid: 23_456});
  });

  it('makes a new file private', async () => {
    await replaceFile(join(folder, 'new.yaml'), 'x');
    expect(await mode(join(folder, 'new.yaml'))).toBe(0o600);
  });
});

it('leaves nothing behind when the content cannot be written', async () => {
  // What cannot be written fails after the temporary file was made, as on a full disk.
  await expect(createPrivateFile(join(folder, 'x.key'), 5 as unknown as string)).rejects.toThrow();
  expect(await readdir(folder)).toEqual([]);
});
