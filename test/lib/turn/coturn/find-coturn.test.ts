import {chmodSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';

import {describe, expect, it} from 'vitest';

import {findCoturn} from '../../../../src/lib/turn/coturn/find-coturn.ts';
import {lacking} from '../../../support/lab/requires.ts';
import {temporaryFolder} from '../../../support/temporary-folder.ts';

const missing = lacking('turnserver');

/** A program that answers like a coturn of another version. */
function program(script: string): string {
  const path = join(temporaryFolder(), 'turnserver');
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  return path;
}

const version = (text: string): string =>
  program(`case "$1" in --version) echo "${text}";; *) echo "  --cli  Turn on";; esac`);

describe('the coturn of this machine', () => {
  it.skipIf(missing !== undefined)(`is refused when it is Debian's (${missing ?? '4.6.1'})`, async () => {
    await expect(findCoturn({})).rejects.toMatchObject({
      code: 'COTURN_VULNERABLE',
      exit: 4,
      message: expect.stringMatching(/coturn 4\.6\.1.*CVE-2026-27624/) as string,
      fix: expect.stringContaining('--force-coturn') as string,
    });
  });

  it.skipIf(missing !== undefined)(`is run when forced (${missing ?? 'with what it knows'})`, async () => {
    const found = await findCoturn({force: true});
    expect(found).toMatchObject({path: expect.stringMatching(/^\/.*\/turnserver$/) as string, version: '4.6.1'});
    const asked = ['no-cli', 'cli', 'stateless-nonce', 'prometheus', 'version', 'fingerprint', 'static-auth-secret'];
    expect(asked.filter((option) => found.has(option))).toEqual([
      'no-cli',
      'version',
      'fingerprint',
      'static-auth-secret',
    ]);
  });

  it.each(['4.16.9', '4.6.1', '3.99.0', '4.2.0'])('is refused at %s', async (text) => {
    await expect(findCoturn({program: version(text)})).rejects.toMatchObject({code: 'COTURN_VULNERABLE'});
  });

  it.each(['4.17.0', '4.17.1', '4.18.0', '5.0.0', '10.1.2'])('is taken at %s', async (text) => {
    expect(await findCoturn({program: version(text)})).toMatchObject({version: text});
  });

  it('is missing, or another program', async () => {
    await expect(findCoturn({program: 'no-such-turnserver'})).rejects.toMatchObject({code: 'COTURN_MISSING'});
    await expect(findCoturn({program: '$(id)'})).rejects.toMatchObject({code: 'COTURN_MISSING'});
    await expect(findCoturn({program: program('echo hello')})).rejects.toMatchObject({code: 'COTURN_STRANGE'});
    await expect(findCoturn({program: program('exit 3')})).rejects.toMatchObject({code: 'COTURN_STRANGE'});
  });

  it('is not shown our environment', async () => {
    process.env['TURN_AUTH_SECRET'] = 'correct-horse-battery-staple';
    const path = program('echo 4.17.0; env > "$0.env"');
    await findCoturn({program: path}).finally(() => delete process.env['TURN_AUTH_SECRET']);
    const {readFileSync} = await import('node:fs');
    expect(readFileSync(`${path}.env`, 'utf8')).not.toContain('staple');
  });
});
