import {describe, expect, it} from 'vitest';

import {runQuiver} from '../../support/quiver.ts';

describe('a command that is not there', () => {
  it('is wrong usage, and the nearest one is named', async () => {
    const {code, stdout, stderr} = await runQuiver(['statsu']);
    expect({code, stdout}).toEqual({code: 2, stdout: ''});
    expect(stderr).toBe('Error: There is no command quiver statsu\nTry: quiver status\n');
  });

  it('is one JSON object under --json', async () => {
    const {code, stdout} = await runQuiver(['nosuch', '--json']);
    expect(code).toBe(2);
    expect(JSON.parse(stdout)).toEqual({
      code: 'USAGE',
      message: 'There is no command quiver nosuch',
      fix: 'quiver help',
    });
  });

  it('is told apart from a word too many', async () => {
    const {code, stderr} = await runQuiver(['config', 'show', 'extra']);
    expect(code).toBe(2);
    expect(stderr).toContain('quiver config show takes no argument "extra"');
  });
});
