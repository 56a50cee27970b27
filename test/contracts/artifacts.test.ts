import {execFile} from 'node:child_process';
import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {promisify} from 'node:util';

import {describe, expect, it} from 'vitest';

import {compilerInput, CONTRACTS_FOLDER, inputHash, listContracts} from '../../contracts/scripts/sources.ts';

const run = promisify(execFile);

/** What the largest contract may have on Ethereum (EIP-170), below Polygon's 32 KiB. */
const CODE_LIMIT_BYTES = 24_576;

describe('the built contracts', () => {
  it.each(listContracts())('$name is what its sources say, and fits on a chain', (contract) => {
    const file = join(CONTRACTS_FOLDER, 'artifacts', `${contract.name}.json`);
    const artifact = JSON.parse(readFileSync(file, 'utf8')) as {inputHash: string; deployedBytecode: string};
    expect(artifact.inputHash).toBe(inputHash(compilerInput(contract)));
    expect(artifact.deployedBytecode.length / 2 - 1).toBeLessThanOrEqual(CODE_LIMIT_BYTES);
  });

  it('come out of a build from nothing byte for byte, without a network', async () => {
    const script = join(CONTRACTS_FOLDER, 'scripts', 'build.ts');
    const {stdout} = await run(process.execPath, [script, '--check']);
    expect(stdout).toContain('byte for byte');
  }, 240_000);
});
