import {readFile, writeFile} from 'node:fs/promises';

import {describe, expect, it} from 'vitest';

import {errorText, renderError, usageError} from '../../../src/lib/cli/errors.ts';
import {EXIT, QuiverError} from '../../../src/lib/core/errors.ts';

const EXPECTED = new QuiverError({code: 'NO_PEERS', message: 'No peers', fix: 'quiver up', exit: EXIT.refused});

it('shows an expected failure as a message and a fix, without a stack', () => {
  const rendered = renderError(EXPECTED);
  expect(rendered).toEqual({report: {code: 'NO_PEERS', message: 'No peers', fix: 'quiver up'}, exit: 4});
  expect(errorText(rendered)).toBe('Error: No peers\nTry: quiver up\n');
});

it('shows the stack of anything else, and says that it is a bug', () => {
  const rendered = renderError(new TypeError('x is not a function'));
  expect(rendered.exit).toBe(1);
  expect(rendered.report.code).toBe('INTERNAL');
  expect(errorText(rendered)).toMatch(
    /^Error: TypeError: x is not a function\n +at [^]*\nTry: This is a bug in quiver/,
  );
});

it('survives what is not an error at all', () => {
  for (const thrown of [undefined, null, 'text', 5n, {toString: 1}, Object.create(null), Symbol('s')]) {
    expect(renderError(thrown).report.code).toBe('INTERNAL');
  }
});

it('passes on nothing but code, message and fix, and no password in a URL', () => {
  const error = Object.assign(new Error('fetch http://me:canary@host/v1 failed'), {headers: {authorization: 'canary'}});
  expect(JSON.stringify(renderError(error))).not.toContain('canary');
  const known = new QuiverError({code: 'X', message: 'a', fix: 'curl http://canary@host', cause: {secret: 'canary'}});
  expect(JSON.stringify(renderError(known))).not.toContain('canary');
});

it('says what the system refused about a file without a stack', async () => {
  const folder = await writeFile('/tmp', 'x').catch((error: unknown) => error);
  const fix = "ls -ld '/tmp'";
  const message = 'A file is where a folder should be, or the other way round: /tmp';
  expect(renderError(folder)).toEqual({report: {code: 'FILE_KIND', message, fix}, exit: 1});
  const missing = await readFile('/no-such-folder/x').catch((error: unknown) => error);
  expect(renderError(missing).report).toMatchObject({code: 'FILE_MISSING', fix: "ls -ld '/no-such-folder'"});
  const full = await writeFile('/dev/full', 'x').catch((error: unknown) => error);
  expect(renderError(full).report.code).toBe('DISK_FULL');
});

describe('usageError', () => {
  it('is one line, without what was given to a flag and without advice that is not ours', () => {
    const shown = (text: string): string => usageError(new Error(text), 'quiver infer').message;
    expect(shown('Nonexistent flag: --api-key=canary')).toBe('Nonexistent flag: --api-key');
    expect(shown('Parsing --max-tokens \n\tExpected an integer but received: x')).toBe(
      '--max-tokens: Expected an integer but received: x',
    );
    expect(
      shown('Missing 1 required arg:\nprompt  The question\n\nNote: --x allows multiple values. Because of this …'),
    ).toBe('Missing 1 required arg: prompt  The question');
  });

  it('always ends with 2', () => {
    expect(usageError(new Error('Unexpected argument: x\nSee more help with --help'), 'quiver doctor')).toMatchObject({
      code: 'USAGE',
      message: 'Unexpected argument: x',
      fix: 'quiver doctor --help',
      exit: 2,
    });
    expect(usageError(EXPECTED, 'quiver up')).toMatchObject({code: 'NO_PEERS', exit: 2});
  });
});
