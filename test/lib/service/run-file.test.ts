import {writeFileSync, readdirSync, readFileSync} from 'node:fs';
import {createServer} from 'node:net';
import {join} from 'node:path';

import {describe, expect, it} from 'vitest';

import {readRunFile, removeRunFile, writeRunFile, type RunFile} from '../../../src/lib/service/run-file.ts';
import {temporaryFolder} from '../../support/temporary-folder.ts';

const RUN: RunFile = {
  profile: 'local',
  version: '9.9.9',
  pid: process.pid,
  startedAt: '2026-01-01T00:00:00.000Z',
  services: [],
};

describe('the run file', () => {
  it('comes back as it was, and leaves no draft', async () => {
    const folder = temporaryFolder();
    await writeRunFile(join(folder, 'run', 'local.json'), RUN);
    expect(await readRunFile(join(folder, 'run', 'local.json'))).toEqual({...RUN, live: true});
    expect(readdirSync(join(folder, 'run'))).toEqual(['local.json']);
  });

  it.each([
    ['nothing', undefined],
    ['half a file', '{"pid": 1'],
    ['something else', '[]'],
    ['a pid that is none', '{"pid": -1, "services": []}'],
  ])('is taken for none when there is %s', async (_name, text) => {
    const path = join(temporaryFolder(), 'local.json');
    if (text !== undefined) writeFileSync(path, text);
    expect(await readRunFile(path)).toBeUndefined();
  });

  it('is stale when its process is gone', async () => {
    const path = join(temporaryFolder(), 'local.json');
    await writeRunFile(path, {...RUN, pid: 2 ** 22 + 1});
    expect(await readRunFile(path)).toMatchObject({live: false});
  });

  it.runIf(process.platform === 'linux')('is stale when its pid now belongs to another process', async () => {
    const path = join(temporaryFolder(), 'local.json');
    await writeRunFile(path, RUN);
    const run = JSON.parse(readFileSync(path, 'utf8')) as {startTicks: number};
    writeFileSync(path, JSON.stringify({...run, startTicks: run.startTicks - 1}));
    expect(await readRunFile(path)).toMatchObject({live: false});
  });

  it('is stale when nothing answers at its socket', async () => {
    const folder = temporaryFolder();
    const [path, socket] = [join(folder, 'local.json'), join(folder, 's')];
    await writeRunFile(path, {...RUN, socket});
    expect(await readRunFile(path)).toMatchObject({live: false});
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(socket, resolve));
    expect(await readRunFile(path)).toMatchObject({live: true});
    server.close();
  });

  it('is removed only by the process that wrote it', async () => {
    const path = join(temporaryFolder(), 'local.json');
    await writeRunFile(path, RUN);
    await removeRunFile(path, process.pid + 1);
    expect(await readRunFile(path)).toBeDefined();
    await removeRunFile(path, process.pid);
    expect(await readRunFile(path)).toBeUndefined();
  });
});
