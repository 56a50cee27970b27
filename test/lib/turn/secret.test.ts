import {chmodSync, readdirSync, readFileSync, statSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';

import {describe, expect, it} from 'vitest';

import {loadSecrets} from '../../../src/lib/turn/secret.ts';
import {temporaryFolder} from '../../support/temporary-folder.ts';

const SECRET = 'correct-horse-battery-staple';
const throwing = (code: string, shown = SECRET) =>
  expect.toSatisfy(
    (error: Error & {code: string; fix: string}) =>
      error.code === code && ![error.message, error.fix].some((text) => text.includes(shown)),
  ) as Error;

function file(content?: string): string {
  const path = join(temporaryFolder(), 'turn.secret');
  if (content !== undefined) writeFileSync(path, content, {mode: 0o600});
  return path;
}

describe('the shared secret', () => {
  it('is what was given, and then no file is made', async () => {
    const path = file();
    expect(await loadSecrets({given: [SECRET], path})).toEqual([SECRET]);
    expect(await loadSecrets({given: [SECRET, `${SECRET}2`], path})).toEqual([SECRET, `${SECRET}2`]);
    expect(() => statSync(path)).toThrow('ENOENT');
  });

  it('is generated once, for all who start together, where only its owner reads it', async () => {
    const path = file();
    const all = await Promise.all(Array.from({length: 8}, () => loadSecrets({path})));
    expect(new Set(all.flat()).size).toBe(1);
    expect(all[0]).toEqual([expect.stringMatching(/^[\w-]{43}$/)]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(await loadSecrets({path})).toEqual(all[0]);
    expect(readdirSync(join(path, '..'))).toEqual(['turn.secret']);
  });

  it('is read from a file that a person has written', async () => {
    expect(await loadSecrets({path: file(`# shared with eu-2\r\n\n  ${SECRET}  \r\n`)})).toEqual([SECRET]);
  });

  it.each<[string, string, string]>([
    ['short', 'hunter2', 'TURN_SECRET_WEAK'],
    ['long', SECRET.repeat(10), 'TURN_SECRET_BROKEN'],
    ['of two words', `${SECRET} ${SECRET}`, 'TURN_SECRET_BROKEN'],
    ['not ASCII', `${SECRET}ü`, 'TURN_SECRET_BROKEN'],
    ['with a zero byte', `${SECRET}\0`, 'TURN_SECRET_BROKEN'],
  ])('is refused when it is %s', async (_what, secret, code) => {
    await expect(loadSecrets({path: file(`${secret}\n`)})).rejects.toEqual(throwing(code, secret));
    await expect(loadSecrets({given: [secret], path: file()})).rejects.toEqual(throwing(code, secret));
  });

  it('is not one of three, nor none', async () => {
    const path = file(`${SECRET}\n`.repeat(3));
    await expect(loadSecrets({path})).rejects.toEqual(throwing('TURN_SECRET_BROKEN'));
    await expect(loadSecrets({path: file('\n')})).rejects.toEqual(throwing('TURN_SECRET_BROKEN'));
    expect(readFileSync(path, 'utf8')).toBe(`${SECRET}\n`.repeat(3));
  });

  it.each(['640', '604', '620'])('is not taken from a file of mode %s', async (mode) => {
    const path = file(`${SECRET}\n`);
    chmodSync(path, parseInt(mode, 8));
    await expect(loadSecrets({path})).rejects.toEqual(throwing('SECRET_FILE_OPEN'));
  });

  it('says what is wrong with a place that is no file', async () => {
    await expect(loadSecrets({path: temporaryFolder()})).rejects.toMatchObject({code: 'SECRET_FILE_KIND'});
    await expect(loadSecrets({path: file('x'.repeat(5_000))})).rejects.toMatchObject({code: 'SECRET_FILE_LONG'});
  });
});
