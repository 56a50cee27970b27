import {execFile} from 'node:child_process';
import {globSync, readFileSync} from 'node:fs';
import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {promisify} from 'node:util';

import {expect, it} from 'vitest';

const ROOT = path.resolve(import.meta.dirname, '../../..');
const GENERATED = 'src/lib/records/gen';

function filesIn(folder: string): Map<string, string> {
  return new Map(
    globSync('**/*.{js,ts}', {cwd: folder})
      .toSorted()
      .map((file) => [file, readFileSync(path.join(folder, file), 'utf8')]),
  );
}

it('the generated records are those of the schemas', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'quiver-gen-'));
  try {
    const bin = path.join(ROOT, 'node_modules', '.bin');
    await promisify(execFile)(path.join(bin, 'buf'), ['generate', '--output', folder], {
      cwd: ROOT,
      env: {...process.env, PATH: `${bin}${path.delimiter}${process.env['PATH']}`},
    });
    const fresh = filesIn(path.join(folder, GENERATED));
    expect(fresh.size).toBeGreaterThanOrEqual(8);
    expect(filesIn(path.join(ROOT, GENERATED))).toEqual(fresh);
  } finally {
    await rm(folder, {recursive: true, force: true});
  }
});
