import {spawnSync} from 'node:child_process';
import {createHash} from 'node:crypto';
import {readFileSync, statSync} from 'node:fs';
import {fileURLToPath} from 'node:url';
import {describe, expect, it} from 'vitest';

const path = (name: string): string => fileURLToPath(new URL(`../../models/${name}`, import.meta.url));
const MODEL = path('quiver-tiny.gguf');
const MAX_BYTES = 4 * 1024 * 1024; // small enough to travel inside the npm package
const SLOW_MS = 240_000; // seconds on a free machine, minutes on a busy one

interface Described {
  bytes: number;
  sha256: string;
  score: {sample: {stride: number; questions: number; right: number}};
}

const described = JSON.parse(readFileSync(path('quiver-tiny.json'), 'utf8')) as Described;

describe('quiver-tiny', () => {
  it('is the file that its description names, and no more than 4 MB', () => {
    expect(createHash('sha256').update(readFileSync(MODEL)).digest('hex')).toBe(described.sha256);
    expect(statSync(MODEL).size).toBe(described.bytes);
    expect(described.bytes).toBeLessThanOrEqual(MAX_BYTES);
  });

  it('has no held-out question in its training text', {timeout: SLOW_MS}, ({skip}) => {
    const check = spawnSync('python3', [path('check.py')], {encoding: 'utf8'});
    const missing = check.error !== undefined;
    if (missing && process.env['CI'] !== 'true') skip('python3 is not installed: models/check.py was not run');
    expect(missing, 'python3 is needed to run models/check.py').toBe(false);
    expect(check.status, check.stdout + check.stderr).toBe(0);
  });

  it('scores what its description says, on every fifth held-out question', {timeout: SLOW_MS}, () => {
    const {stride, questions, right} = described.score.sample;
    const args = [path('evaluate.mjs'), '--plain', '--quiet', '--floor', '0', '--stride', String(stride)];
    const run = spawnSync(process.execPath, args, {encoding: 'utf8'});
    const [, won, asked] = /^plain: all (\d+)\/(\d+) /m.exec(run.stdout) ?? [];
    expect(Number(asked), run.stderr).toBe(questions);
    // One answer may differ: processors round differently.
    expect(Number(won)).toBeGreaterThanOrEqual(right - 1);
  });
});
