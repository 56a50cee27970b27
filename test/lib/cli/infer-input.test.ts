import {expect, it} from 'vitest';

import {inferRequest} from '../../../src/lib/cli/infer-input.ts';

const flags = {broadcast: false, trace: false};

it.each(['0', '25h', '30d', 'soon'])('takes no --timeout %s', (timeout) => {
  expect(() => inferRequest('x', {...flags, timeout})).toThrow(expect.objectContaining({exit: 2}));
});

it('bounds the whole answer and each step of it by --timeout', () => {
  expect(inferRequest('x', {...flags, timeout: '90s'}).deadlines).toEqual({
    totalMs: 90_000,
    firstTokenMs: 90_000,
    tokenGapMs: 90_000,
  });
});
