import {expect, it} from 'vitest';

import {plain, plainLines, table} from '../../../src/lib/cli/output.ts';

it('aligns columns and leaves no blanks at the ends of lines', () => {
  expect(
    table(
      ['NAME', 'PEERS', ''],
      [
        ['a', '12', 'x'],
        ['longer', '3', ''],
      ],
    ),
  ).toBe('NAME    PEERS\na       12     x\nlonger  3');
});

it('prints the header alone when there is nothing', () => expect(table(['A', 'B'], [])).toBe('A  B'));

it('keeps names from strangers from steering the terminal', () => {
  expect(plain('\u001B[31mred\u001B[0m\nnext\u0007 \u202Eabc\u009B31m')).toBe('red next   abc');
});

it('keeps the lines of a message, and nothing else that acts on a terminal', () => {
  expect(plainLines('one\n\ttwo\r\u001B]0;title\u0007\u0085three')).toBe('one\n\ttwo  three');
});
