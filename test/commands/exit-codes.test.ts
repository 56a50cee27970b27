import {expect, it} from 'vitest';

import {runQuiver} from '../support/quiver.ts';

it('`exit-codes` and `help exit-codes` both say what each code means', async () => {
  const [own, help] = await Promise.all([runQuiver(['exit-codes', '--json']), runQuiver(['help', 'exit-codes'])]);
  const {exitCodes} = JSON.parse(own.stdout) as {exitCodes: {code: number}[]};
  expect(exitCodes.map(({code}) => code)).toEqual([0, 1, 2, 3, 4, 130]);
  for (const {code} of exitCodes) expect(help.stdout).toMatch(new RegExp(`^ *${code}: `, 'm'));
});
