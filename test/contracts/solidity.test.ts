import {spawn} from 'node:child_process';
import {join} from 'node:path';

import {expect, it} from 'vitest';

import {CONTRACTS_FOLDER} from '../../contracts/scripts/sources.ts';
import {collect, ROOT} from '../support/quiver.ts';

/** Compiling takes 15 s, the invariants (256 runs of 100 calls) the rest; two busy cores take several times as long. */
const TIMEOUT_MS = 420_000;

it(
  'the Solidity tests pass: unit, fuzz and invariants',
  async () => {
    const hardhat = join(ROOT, 'node_modules', '.bin', 'hardhat');
    const child = spawn(process.execPath, [hardhat, 'test', 'solidity'], {cwd: CONTRACTS_FOLDER});
    const {code, stdout, stderr} = await collect(child, TIMEOUT_MS);
    expect({code, output: code === 0 ? '' : stdout + stderr}).toEqual({code: 0, output: ''});
    expect(Number(/(\d+) passing/.exec(stdout)?.[1])).toBeGreaterThan(100);
  },
  TIMEOUT_MS,
);
