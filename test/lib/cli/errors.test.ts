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

describe('usageError', () => {
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
