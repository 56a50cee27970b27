import {chmodSync, renameSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';

import {expect, it, vi} from 'vitest';

import {SecretFile} from '../../../src/lib/turn/secret-file.ts';
import {temporaryFolder} from '../../support/temporary-folder.ts';

const [FIRST, SECOND] = ['correct-horse-battery-staple', 'another-horse-battery-staple'];
const POLL_MS = 10;

function start(): {file: SecretFile; path: string; changes: unknown[]; faults: unknown[]; stop: () => void} {
  const path = join(temporaryFolder(), 'turn.secret');
  writeFileSync(path, `${FIRST}\n`, {mode: 0o600});
  const file = new SecretFile(path, [FIRST], POLL_MS);
  const [changes, faults]: [unknown[], unknown[]] = [[], []];
  const stop = file.watch({onChange: (secrets) => changes.push(secrets), onFault: (error) => faults.push(error)});
  return {file, path, changes, faults, stop};
}

/** As an operator puts it in place: whole at every moment. */
function replace(path: string, ...secrets: string[]): void {
  writeFileSync(`${path}.new`, `${secrets.join('\n')}\n`, {mode: 0o600});
  renameSync(`${path}.new`, path);
}

it('takes the secrets of a file that was replaced, until nobody watches any more', async () => {
  const {file, path, changes, faults, stop} = start();
  await sleep(POLL_MS * 5);
  expect(changes).toEqual([]);
  replace(path, SECOND, FIRST);
  await vi.waitFor(() => expect(changes).toEqual([[SECOND, FIRST]]));
  expect(file.current).toEqual([SECOND, FIRST]);
  stop();
  replace(path, FIRST);
  await sleep(POLL_MS * 5);
  expect(file.current).toEqual([SECOND, FIRST]);
  expect(faults).toEqual([]);
});

it('keeps those it has while the file is gone, open to others or broken, and says so once for each', async () => {
  const {file, path, changes, faults, stop} = start();
  rmSync(path);
  await vi.waitFor(() => expect(faults).toMatchObject([{code: 'TURN_SECRET_MISSING'}]));
  replace(path, SECOND);
  chmodSync(path, 0o644);
  await vi.waitFor(() => expect(faults.at(-1)).toMatchObject({code: 'SECRET_FILE_OPEN'}));
  replace(path, 'short');
  await vi.waitFor(() => expect(faults.at(-1)).toMatchObject({code: 'TURN_SECRET_WEAK'}));
  await sleep(POLL_MS * 5);
  // A poll may have seen the file between its writing and its mode.
  expect(new Set(faults.map(String)).size).toBe(faults.length);
  replace(path, SECOND);
  await vi.waitFor(() => expect(file.current).toEqual([SECOND]));
  expect(changes.at(-1)).toEqual([SECOND]);
  stop();
});
