import {writeFileSync} from 'node:fs';
import {join} from 'node:path';

import {describe, expect, it} from 'vitest';

import {readUsers} from '../../../src/lib/turn/users.ts';
import {temporaryFolder} from '../../support/temporary-folder.ts';

function file(content: string, mode = 0o600): string {
  const path = join(temporaryFolder(), 'turn.users');
  writeFileSync(path, content, {mode});
  return path;
}

describe('static TURN users', () => {
  it('are a name and a password a line, whatever they are called', async () => {
    const path = file(
      '# those of the office\n\ndid:peers:alice  pass:word:1\r\n__proto__\tsecond-password\nconstructor x#y"z==x\n',
    );
    const users = await readUsers(path);
    expect([...users]).toEqual([
      ['did:peers:alice', 'pass:word:1'],
      ['__proto__', 'second-password'],
      ['constructor', 'x#y"z==x'],
    ]);
  });

  it.each<[string, string, number]>([
    ['no password', 'alice\n', 1],
    ['three words', '\nalice pass word\n', 2],
    ['the same word twice', 'alice-in-w alice-in-w\n', 1],
    ['a short password', 'alice hunter2\n', 1],
    ['a long password', `alice ${'x'.repeat(257)}\n`, 1],
    ['a name twice', 'alice password-1\nalice password-2\n', 2],
    ['a long name', `${'ü'.repeat(255)} password-1\n`, 1],
    ['a name that looks time-limited', '1700000000:alice password-1\n', 1],
    ['control characters', 'al\u0007ice password-1\n', 1],
  ])('are refused with %s', async (_what, content, line) => {
    const error = await readUsers(file(content)).then(
      () => undefined,
      (reason: Error & {code: string}) => reason,
    );
    expect(error).toMatchObject({code: 'TURN_USERS_BROKEN'});
    expect(error?.message).toContain(`Line ${line} `);
    expect(error?.message).not.toMatch(/hunter2|password-1|alice/);
  });

  it('are not taken from a file that others can read, nor from none', async () => {
    await expect(readUsers(file('alice password-1\n', 0o644))).rejects.toMatchObject({code: 'SECRET_FILE_OPEN'});
    await expect(readUsers(join(temporaryFolder(), 'none'))).rejects.toMatchObject({code: 'TURN_USERS_MISSING'});
  });
});
