import {spawn} from 'node:child_process';
import {join} from 'node:path';

import {expect, it} from 'vitest';

import {CONTRACTS_FOLDER} from '../../contracts/scripts/sources.ts';
import {collect} from '../support/quiver.ts';

/** Seconds with z3 on a free core. */
const TIMEOUT_MS = 240_000;

it(
  'the accounting of channels and ledgers is proved (needs the program z3)',
  async () => {
    const child = spawn(process.execPath, [join(CONTRACTS_FOLDER, 'smt', 'prove.ts')]);
    const {code, stdout, stderr} = await collect(child, TIMEOUT_MS);
    expect({code, stderr}).toEqual({code: 0, stderr: ''});
    if (stdout.startsWith('Proofs skipped')) return console.log(stdout.trim());
    expect(stdout.match(/^ok /gm)).toHaveLength(3);
  },
  TIMEOUT_MS,
);
